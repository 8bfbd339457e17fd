//! The protocol's side of the server: who it is, which methods it answers, what an error is.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CompleteRequestParams, CompleteResult, GetPromptRequestParams, GetPromptResponse,
        GetSkillRequestParams, GetSkillResult, Implementation, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    tool_handler,
};

use crate::{
    background::blocking, completion, prompts, refusal::Refusal, resources, skills,
    tools::PortServer,
};

const INSTRUCTIONS: &str = "\
Portwright measures whether a port of a model (mlx-lm) is the same model as its definition \
(transformers). Call run_parity with a model type, parity_status until the run is done, then \
parity_result; when it fails, explain_divergence names the module and the two source lines where \
they diverge. Every number is measured; quote reports from portwright://runs/RUN/report, and do not \
state what the evidence does not.";

#[tool_handler(router = self.tool_router)]
impl ServerHandler for PortServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .enable_skills()
            .build();
        let me =
            Implementation::new("portwright", env!("CARGO_PKG_VERSION")).with_title("Portwright");
        ServerConfig::new(capabilities).with_server_info(me).with_instructions(INSTRUCTIONS)
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(prompts::list())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(request).map(Into::into)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let jobs = Arc::clone(&self.jobs);
        blocking(move || completion::complete(&request.argument, &jobs, jobs.home()))
            .await
            .map_err(|it| internal(&it))
    }

    async fn list_skills(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        Ok(skills::list())
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        skills::get(&request.uri)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (jobs, cursor) = (Arc::clone(&self.jobs), request.and_then(|it| it.cursor));
        blocking(move || resources::list(&jobs, cursor.as_deref()))
            .await
            .map_err(|it| internal(&it))?
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let jobs = Arc::clone(&self.jobs);
        let read = blocking(move || resources::read(&jobs, &request.uri))
            .await
            .map_err(|it| internal(&it))?;
        read.map(Into::into)
    }
}

fn internal(refusal: &Refusal) -> ErrorData {
    ErrorData::internal_error(refusal.text(), None)
}
