//! What an agent is told when a call could not be answered, and what it can do about it.

use std::error::Error;

use portwright_harness::hint::Hint;
use portwright_tools::{error::ToolError, standing::Failure};
use rmcp::{
    ErrorData,
    handler::server::tool::IntoCallToolResult,
    model::{CallToolResponse, CallToolResult, ContentBlock},
};

/// A call that failed for a reason the agent can act on: an `isError` result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    fact: String,
    hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(fact: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { fact: fact.into(), hint: Some(hint.into()) }
    }

    /// The fact, then the next step apart from it.
    pub(crate) fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\n\nhint: {hint}", self.fact),
            None => self.fact.clone(),
        }
    }

    pub(crate) fn result(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(self.text())])
    }
}

impl From<Refusal> for Failure {
    fn from(it: Refusal) -> Self {
        Self { fact: it.fact, hint: it.hint }
    }
}

impl From<Failure> for Refusal {
    fn from(it: Failure) -> Self {
        Self { fact: it.fact, hint: it.hint }
    }
}

impl From<&ToolError> for Refusal {
    fn from(err: &ToolError) -> Self {
        let mut fact = err.to_string();
        let mut cause = err.source();
        while let Some(it) = cause {
            let text = it.to_string();
            // A transparent error repeats its source's text.
            if !fact.ends_with(&text) {
                fact = format!("{fact}: {text}");
            }
            cause = it.source();
        }
        Self { fact, hint: err.hint().map(Into::into) }
    }
}

impl From<ToolError> for Refusal {
    fn from(err: ToolError) -> Self {
        Self::from(&err)
    }
}

impl IntoCallToolResult for Refusal {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(self.result().into())
    }
}

#[cfg(test)]
mod tests {
    use portwright_harness::rundir::RunDirError;

    use super::*;

    #[test]
    fn the_cause_is_told_and_the_hint_stands_apart() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let err = ToolError::from(RunDirError::Write { path: "runs/a".into(), source });
        let text = Refusal::from(&err).text();
        assert!(
            text.starts_with(
                "failed to write `runs/a`: no storage space\n\nhint: the disk is full"
            ),
            "{text}"
        );
    }
}
