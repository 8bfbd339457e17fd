//! `completion/complete`: what the beginning of an argument may become.

use portwright_harness::environment::Home;
use portwright_tools::names;
use rmcp::model::{ArgumentInfo, CompleteResult, CompletionInfo};

use crate::{jobs::Jobs, resources, run_id::RunId};

/// Runs that are offered, newest first.
const MOST_RUNS: usize = 1000;

/// The values that begin as `argument` does. What has no list, such as a path, has no completion.
pub(crate) fn complete(argument: &ArgumentInfo, jobs: &Jobs, home: &Home) -> CompleteResult {
    let known = match argument.name.as_str() {
        "model_type" => names::model_types(home),
        "run" => resources::newest(jobs, MOST_RUNS).iter().map(RunId::to_string).collect(),
        _ => Vec::new(),
    };
    CompleteResult::new(offer(known, &argument.value))
}

fn offer(known: Vec<String>, begun: &str) -> CompletionInfo {
    let begun = begun.to_lowercase();
    let mut fitting: Vec<String> =
        known.into_iter().filter(|it| it.to_lowercase().starts_with(&begun)).collect();
    let total = fitting.len();
    fitting.truncate(CompletionInfo::MAX_VALUES);
    let more = fitting.len() < total;
    CompletionInfo::with_pagination(fitting, u32::try_from(total).ok(), more)
        .expect("cut to what one answer may hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_the_same_is_offered() {
        let known = ["olmo2", "olmo3", "gemma3"].map(str::to_owned).to_vec();
        let offered = offer(known, "OLMO");
        assert_eq!(offered.values, ["olmo2", "olmo3"]);
        assert_eq!((offered.total, offered.has_more), (Some(2), Some(false)));
        let many: Vec<String> = (0..250).map(|it| format!("m{it}")).collect();
        let offered = offer(many, "m");
        assert_eq!((offered.values.len(), offered.has_more), (100, Some(true)));
    }
}
