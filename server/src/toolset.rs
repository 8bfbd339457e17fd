//! Which tools are served: all, some groups, or only those that change nothing.

use rmcp::handler::server::router::tool::ToolRouter;

use crate::tools::{PortServer, TOOLSETS};

/// What a server offers. The default offers everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Groups by name, e.g. `parity`; every group when empty.
    pub toolsets: Vec<String>,
    /// Only tools that say of themselves that they change nothing.
    pub read_only: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no toolset `{name}`; there are {}", names().join(", "))]
pub struct UnknownToolset {
    name: String,
}

/// Every group's name, in the order of a port's journey.
fn names() -> Vec<&'static str> {
    TOOLSETS.iter().map(|it| it.id).collect()
}

impl Offer {
    pub(crate) fn router(&self) -> Result<ToolRouter<PortServer>, UnknownToolset> {
        if let Some(name) = self.toolsets.iter().find(|it| !names().contains(&it.as_str())) {
            return Err(UnknownToolset { name: name.clone() });
        }
        let chosen = |id: &str| self.toolsets.is_empty() || self.toolsets.iter().any(|it| it == id);
        let mut router = TOOLSETS
            .iter()
            .filter(|it| chosen(it.id))
            .fold(ToolRouter::new(), |all, it| all + (it.router)());
        if self.read_only {
            for tool in router.list_all() {
                let hints = tool.annotations.as_ref();
                if hints.and_then(|it| it.read_only_hint) != Some(true) {
                    router.remove_route(&tool.name);
                }
            }
        }
        Ok(router)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(toolsets: &[&str], read_only: bool) -> Vec<String> {
        let toolsets = toolsets.iter().map(|it| (*it).to_owned()).collect();
        let router = Offer { toolsets, read_only }.router().unwrap();
        router.list_all().iter().map(|it| it.name.to_string()).collect()
    }

    #[test]
    fn a_group_is_served_by_itself() {
        let mut modular = offered(&["modular"], false);
        modular.sort();
        assert_eq!(modular, ["convert_modular", "scaffold_modular"]);
        assert!(modular.len() < offered(&[], false).len());
    }

    #[test]
    fn nothing_that_changes_something_is_served_read_only() {
        let tools = offered(&[], true);
        assert!(tools.contains(&"inspect_architecture".to_owned()));
        for changes in ["run_parity", "cancel_parity", "convert_modular"] {
            assert!(!tools.contains(&changes.to_owned()), "{changes}");
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_refused_with_those_that_are() {
        let offer = Offer { toolsets: vec!["parities".to_owned()], read_only: false };
        let err = offer.router().unwrap_err().to_string();
        assert!(err.contains("parities") && err.contains("parity, "), "{err}");
    }
}
