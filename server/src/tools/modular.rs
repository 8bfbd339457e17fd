//! Modular files, both ways.

use portwright_tools::modular;
use rmcp::{
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    tool, tool_router,
};

use super::PortServer;
use crate::{
    answer::Answer,
    background::in_background,
    modular::{ConvertModular, Converted, ScaffoldModular, Scaffolded},
    refusal::Refusal,
};

#[tool_router(router = modular_tools, vis = "pub(super)")]
impl PortServer {
    /// Write the standalone files (`modeling_x.py`, `configuration_x.py`, ...) that modular files of
    /// transformers stand for, byte for byte as the repository ships them.
    ///
    /// Takes e.g. `{"files": ["olmo3"], "transformers": "/home/me/transformers"}`. With `"diff": true`
    /// nothing is written and the answer says how the files on disk differ. An installed package is
    /// never written to: give `out`.
    #[tool(
        title = "Convert modular files",
        output_schema = schema_for_output::<Converted>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn convert_modular(
        &self,
        Parameters(input): Parameters<ConvertModular>,
    ) -> Result<Answer<Converted>, Refusal> {
        let input = input.into_input(&self.roots)?;
        let output =
            in_background(move |home, cancel| modular::convert(&input, home, &(), cancel)).await?;
        Ok(Answer(output.into()))
    }

    /// Make the modular file that a model's standalone files would be generated from: the best parents
    /// in the release, and only what differs. It is converted back to prove it: see `exact`.
    ///
    /// Takes e.g. `{"files": ["/home/me/modeling_x.py"]}`; a long modular file comes in parts, see
    /// `next_offset`. What `parents` proposes is measured by structure; the choice is yours to change.
    #[tool(
        title = "Scaffold a modular file",
        output_schema = schema_for_output::<Scaffolded>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn scaffold_modular(
        &self,
        Parameters(input): Parameters<ScaffoldModular>,
    ) -> Result<Answer<Scaffolded>, Refusal> {
        let offset = input.offset;
        let input = input.into_input(&self.roots)?;
        let output =
            in_background(move |home, cancel| modular::scaffold(&input, home, &(), cancel)).await?;
        Ok(Answer(Scaffolded::of(output, offset)))
    }
}
