//! The protocol's side of the server: who it is, which methods it answers, what an error is.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    tool_handler,
};

use crate::{
    prompts,
    refusal::Refusal,
    resources,
    tools::{PortServer, blocking},
};

const INSTRUCTIONS: &str = "\
Portwright measures whether a port of a model (mlx-lm) is the same model as its definition \
(transformers). Call run_parity with a model type, parity_status until the run is done, then \
parity_result; when it fails, explain_divergence names the module and the two source lines where \
they part. Every number is measured; quote reports from portwright://runs/RUN/report, and do not \
state what the evidence does not.";

#[tool_handler(router = self.tool_router)]
impl ServerHandler for PortServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
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
