//! What a target asks of contributions, and staging one for a person.

use std::sync::Arc;

use portwright_tools::{
    policy,
    stage::{self, StageInput, Staging, Wish},
};
use rmcp::{
    RoleServer,
    handler::server::{
        tool::{InputResponses, RequestState, schema_for_output},
        wrapper::Parameters,
    },
    service::RequestContext,
    tool, tool_router,
};

use super::PortServer;
use crate::{
    answer::Answer,
    background::blocking,
    confirm::{Brought, Confirmed, Unconfirmed, confirm},
    contribution::{
        ContributionPolicy, ContributionRules, StageContribution, StagedContribution, question,
        within,
    },
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
        let input = input.into_input(&self.roots)?;
        let policy = blocking(move || policy::policy(&input)).await??;
        Ok(Answer(policy.into()))
    }

    /// Plan a port's branch, staged files and patch file in a clean checkout of the target, e.g.
    /// `{"target": "mlx-lm", "checkout": "/home/me/mlx-lm", "model_type": "olmo3", "port": "/home/me/work"}`;
    /// with `apply`, do it when the person agrees. Never commits or pushes.
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
        answers: InputResponses,
        state: RequestState,
        context: RequestContext<RoleServer>,
    ) -> Confirmed<Answer<StagedContribution>> {
        Confirmed(self.stage_confirmed(input, (answers, state).into(), &context).await)
    }
}

impl PortServer {
    async fn stage_confirmed(
        &self,
        input: StageContribution,
        brought: Brought,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer<StagedContribution>, Unconfirmed> {
        let run = match &input.run {
            Some(run) => Some(self.jobs.folder(&self.finished(run).await?.0)),
            None => None,
        };
        let apply = input.apply();
        let input = Arc::new(input.into_input(&self.roots, run)?);
        let plan = within(self.staged(&input, Wish::Plan).await?, &self.roots)?;
        let Some(digest) = apply else { return Ok(Answer(plan.into())) };
        // What is asked about must be what is done: another plan is refused before anybody is asked.
        if plan.refusals.is_empty() && plan.digest == digest {
            confirm(&question(&plan, &input), brought, context).await?;
        }
        let staging = self.staged(&input, Wish::Apply { plan: Some(digest) }).await?;
        Ok(Answer(StagedContribution::from(staging).refused()?))
    }

    async fn staged(&self, input: &Arc<StageInput>, wish: Wish) -> Result<Staging, Refusal> {
        let input = Arc::clone(input);
        Ok(blocking(move || stage::stage(&input, &wish)).await??)
    }
}
