//! What an architecture is made of.

use portwright_tools::inspect;
use rmcp::{
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    tool, tool_router,
};

use super::PortServer;
use crate::{
    answer::Answer,
    background::in_background,
    inspect::{InspectArchitecture, Inspected},
    refusal::Refusal,
};

#[tool_router(router = inspect_tools, vis = "pub(super)")]
impl PortServer {
    /// Show what an architecture is made of, from its definition in transformers: ancestors through
    /// modular files, the module tree with shapes and source lines, parallel plans resolved against it,
    /// whether attention backends can be exchanged, which layers a kernel from the Hub can replace.
    ///
    /// Takes e.g. `{"model": "olmo_hybrid"}`; reads no weights. `offset` continues the tree, `depth` and
    /// `modules` narrow it.
    #[tool(
        title = "Inspect an architecture",
        output_schema = schema_for_output::<Inspected>(),
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn inspect_architecture(
        &self,
        Parameters(input): Parameters<InspectArchitecture>,
    ) -> Result<Answer<Inspected>, Refusal> {
        let (offset, limit) = (input.offset as usize, input.limit.max(1) as usize);
        let input = input.into_input(&self.roots)?;
        let output =
            in_background(move |home, cancel| inspect::inspect(&input, home, &(), cancel)).await?;
        Ok(Answer(Inspected::of(output, offset, limit)))
    }
}
