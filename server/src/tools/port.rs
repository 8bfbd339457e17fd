//! The files of a port.

use portwright_tools::port;
use rmcp::{
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    tool, tool_router,
};

use super::PortServer;
use crate::{
    answer::Answer,
    background::in_background,
    port::{ScaffoldPort, ScaffoldedPort},
    refusal::Refusal,
};

#[tool_router(router = port_tools, vis = "pub(super)")]
impl PortServer {
    /// Begin a port in a checkout of mlx-lm: the nearest port under the new names, and a test entry.
    /// Where the definitions differ it raises `NotImplementedError`; `work` names the lines.
    ///
    /// Takes e.g. `{"model_type": "olmo_hybrid", "port": "/home/me/mlx-lm"}`.
    #[tool(
        title = "Scaffold a port",
        output_schema = schema_for_output::<ScaffoldedPort>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = true
        )
    )]
    async fn scaffold_port(
        &self,
        Parameters(input): Parameters<ScaffoldPort>,
    ) -> Result<Answer<ScaffoldedPort>, Refusal> {
        let offset = input.offset;
        let input = input.into_input(&self.roots)?;
        let output =
            in_background(move |home, cancel| port::scaffold(&input, home, &(), cancel)).await?;
        Ok(Answer(ScaffoldedPort::of(output, offset)))
    }
}
