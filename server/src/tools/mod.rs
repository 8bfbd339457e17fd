//! The tools, a file for each group. Each opens one capability: a doc comment here is what an agent
//! reads.

mod candidates;
mod contribution;
mod inspect;
mod modular;
mod parity;
mod port;
mod report;

use std::sync::Arc;

use rmcp::handler::server::router::tool::ToolRouter;

use crate::{jobs::Jobs, roots::Roots};

/// Portwright, as MCP clients see it.
#[derive(Clone)]
pub(crate) struct PortServer {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) tool_router: ToolRouter<Self>,
}

/// A group of tools that can be served by itself.
pub(crate) struct Toolset {
    pub(crate) id: &'static str,
    pub(crate) router: fn() -> ToolRouter<PortServer>,
}

/// Every group, in the order of a port's journey.
pub(crate) const TOOLSETS: &[Toolset] = &[
    Toolset { id: "candidates", router: PortServer::candidates_tools },
    Toolset { id: "inspect", router: PortServer::inspect_tools },
    Toolset { id: "modular", router: PortServer::modular_tools },
    Toolset { id: "port", router: PortServer::port_tools },
    Toolset { id: "parity", router: PortServer::parity_tools },
    Toolset { id: "report", router: PortServer::report_tools },
    Toolset { id: "contribution", router: PortServer::contribution_tools },
];

impl PortServer {
    pub(crate) fn new(jobs: Arc<Jobs>, roots: Arc<Roots>, tool_router: ToolRouter<Self>) -> Self {
        Self { jobs, roots, tool_router }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use portwright_harness::environment::Home;
    use serde_json::{Value, json};

    use super::*;
    use crate::toolset::Offer;

    fn server() -> PortServer {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let runs = dir.path().join("runs");
        let roots = Arc::new(Roots::new(&[], &runs, home.path()).unwrap());
        let jobs = Arc::new(Jobs::new(runs, home));
        PortServer::new(jobs, roots, Offer::default().router().unwrap())
    }

    /// The schemas are the agent's only manual, so a change to them is a change to review.
    #[test]
    fn the_tools_are_as_reviewed() {
        let tools: Vec<Value> = server()
            .tool_router
            .list_all()
            .iter()
            .map(|it| {
                let output = it.output_schema.as_ref().expect("every tool returns data");
                json!({
                    "name": it.name, "title": it.title, "description": it.description,
                    "annotations": it.annotations, "input": *it.input_schema,
                    "output": output["properties"].as_object().unwrap().keys().collect::<Vec<_>>(),
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&tools).unwrap() + "\n";
        expect_file!["tools.snapshot.json"].assert_eq(&text);
    }

    #[test]
    fn every_tool_says_all_it_should() {
        let tools = server().tool_router.list_all();
        assert_eq!(tools.len(), 13);
        for tool in tools {
            let hints = tool.annotations.as_ref().unwrap();
            let all = [
                hints.read_only_hint,
                hints.destructive_hint,
                hints.idempotent_hint,
                hints.open_world_hint,
            ];
            assert!(all.iter().all(Option::is_some), "{} lacks a hint", tool.name);
            assert!(tool.title.is_some(), "{} lacks a title", tool.name);
            assert!(
                tool.description.as_ref().unwrap().contains("e.g."),
                "{} lacks an example",
                tool.name
            );
            assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
            for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
                let text = property["description"].as_str().unwrap_or_default();
                let shown =
                    text.contains("e.g.") || text.contains('`') || property["type"] == "boolean";
                assert!(shown, "{}.{name} lacks an example", tool.name);
            }
        }
    }
}
