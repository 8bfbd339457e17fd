//! Which checkpoints there are of a model type, and which of them are worth verifying.

use portwright_tools::candidates;
use rmcp::{
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    tool, tool_router,
};

use super::PortServer;
use crate::{
    answer::Answer,
    background::in_background,
    candidates::{FindCandidates, Found},
    refusal::Refusal,
};

#[tool_router(router = candidates_tools, vis = "pub(super)")]
impl PortServer {
    /// Find the checkpoints of a model type on the Hub: kind, size, dtypes, licence, what the target
    /// loads; in what their configs differ; and the smallest set of them that shows every difference.
    ///
    /// Takes e.g. `{"model": "olmo3"}`; downloads no weights. `out` writes the set for `run_parity`.
    /// You may `add` checkpoints to the set, not remove them. `offset` continues where `next_offset` says.
    #[tool(
        title = "Find checkpoints to verify",
        output_schema = schema_for_output::<Found>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = true
        )
    )]
    async fn find_candidates(
        &self,
        Parameters(input): Parameters<FindCandidates>,
    ) -> Result<Answer<Found>, Refusal> {
        let (offset, limit) = (input.offset as usize, input.limit.max(1) as usize);
        let input = input.into_input(&self.roots)?;
        let found = in_background(move |home, cancel| {
            candidates::find_candidates(&input, home, &(), cancel)
        })
        .await?;
        Ok(Answer(Found::of(found, offset, limit)))
    }
}
