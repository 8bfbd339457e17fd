//! What a target asks of contributions, and staging one for a person.

use portwright_tools::{policy, stage};
use rmcp::{
    handler::server::{tool::schema_for_output, wrapper::Parameters},
    tool, tool_router,
};

use super::{PortServer, blocking};
use crate::{
    answer::Answer,
    contribution::{ContributionPolicy, ContributionRules, StageContribution, StagedContribution},
    refusal::Refusal,
};

#[tool_router(router = contribution_tools, vis = "pub(super)")]
impl PortServer {
    /// Say what a target allows, requires and forbids to agents and to people, each rule with source
    /// and date, e.g. `{"target": "mlx-lm"}`. Call it before you change a file.
    #[tool(
        title = "Contribution policy",
        output_schema = schema_for_output::<ContributionRules>(),
        annotations(
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn contribution_policy(
        &self,
        Parameters(input): Parameters<ContributionPolicy>,
    ) -> Result<Answer<ContributionRules>, Refusal> {
        let policy = blocking(move || policy::policy(&input.into())).await??;
        Ok(Answer(policy.into()))
    }

    /// Plan a port's branch, staged files and patch file in a clean checkout of the target, e.g.
    /// `{"target": "mlx-lm", "checkout": "/home/me/mlx-lm", "model_type": "olmo3", "from": "/home/me/work"}`;
    /// with `apply`, do it. Never commits or pushes.
    #[tool(
        title = "Stage a contribution",
        output_schema = schema_for_output::<StagedContribution>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn stage_contribution(
        &self,
        Parameters(input): Parameters<StageContribution>,
    ) -> Result<Answer<StagedContribution>, Refusal> {
        let run = match &input.run {
            Some(run) => Some(self.jobs.folder(&self.finished(run).await?.0)),
            None => None,
        };
        let apply = input.apply();
        let input = input.into_input(run)?;
        let wish = match apply {
            None => stage::Wish::Plan,
            Some(digest) => stage::Wish::Apply { plan: Some(digest) },
        };
        let staging = blocking(move || stage::stage(&input, &wish)).await??;
        Ok(Answer(StagedContribution::from(staging).refused()?))
    }
}
