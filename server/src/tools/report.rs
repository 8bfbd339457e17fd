//! Reports, drafted from evidence alone.

use portwright_tools::report::{self, DraftInput};
use rmcp::{
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    tool, tool_router,
};

use super::PortServer;
use crate::{
    answer::Answer,
    background::blocking,
    refusal::Refusal,
    report::{DraftReport, DraftedReport},
};

#[tool_router(router = report_tools, vis = "pub(super)")]
impl PortServer {
    /// Write the report of a finished run, and fill the target's own pull request template, from the
    /// evidence alone. Takes e.g. `{"run": "olmo3-20260131T120000123Z", "target": "mlx-lm"}`. What a
    /// person has to say stays a marked blank: never fill it in.
    #[tool(
        title = "Draft a report",
        output_schema = schema_for_output::<DraftedReport>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn draft_report(
        &self,
        Parameters(input): Parameters<DraftReport>,
    ) -> Result<Answer<DraftedReport>, Refusal> {
        let run = input.run.clone();
        let input = input.into_input(&self.roots)?;
        let (id, _) = self.finished(&run).await?;
        let input = DraftInput { run: self.jobs.folder(&id), ..input };
        let draft = blocking(move || report::draft(&input)).await??;
        Ok(Answer(DraftedReport::of(&id, draft)))
    }
}
