//! Which lint rules take part in tidying: the fixable ones that a repository's own ruff has.
//!
//! A rule without a safe fix changes no text, so it is never run. A rule that became stable after
//! the ruff that the repository pins would change text that the pinned program leaves alone.

use ruff_linter::{
    FixAvailability, RuleSelector, UnresolvedRuleSelector,
    codes::RuleStatus,
    registry::Rule,
    settings::{rule_table::RuleTable, types::PreviewMode},
};
use toml::{Table, Value};

use super::style::Warning;

/// The ruff whose rules count: what every 5.x release of transformers up to 5.24 pins.
const AS_OF: (u32, u32, u32) = (0, 14, 10);

/// What ruff selects, as of [`AS_OF`], where a repository selects nothing.
const DEFAULT_SELECTION: [&str; 4] = ["E4", "E7", "E9", "F"];

/// The settings that hold rule selectors, in `[tool.ruff.lint]` or directly in `[tool.ruff]`.
const SELECTIONS: [&str; 10] = [
    "select",
    "extend-select",
    "ignore",
    "extend-ignore",
    "fixable",
    "extend-fixable",
    "unfixable",
    "extend-unfixable",
    "extend-safe-fixes",
    "extend-unsafe-fixes",
];

/// Keeps the rules that can change text and that the pinned ruff knows as stable.
///
/// `exact` are the selectors that name one rule each: they count whatever the rule's age.
pub(super) fn keep_fixable(rules: &mut RuleTable, exact: &[String]) {
    let drop: Vec<Rule> = rules
        .iter_enabled()
        .filter(|rule| {
            let named = exact.iter().any(|it| rule.noqa_code() == it.as_str());
            matches!(rule.fixable(), FixAvailability::None) || (!named && is_newer(*rule))
        })
        .collect();
    for rule in drop {
        rules.disable(rule);
    }
}

fn is_newer(rule: Rule) -> bool {
    match rule.status() {
        RuleStatus::Stable { since } | RuleStatus::Preview { since } => {
            version(since).is_none_or(|it| AS_OF < it)
        }
        RuleStatus::Deprecated { .. } | RuleStatus::Removed { .. } => false,
    }
}

fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.trim_start_matches('v').split('.').map(|it| it.parse::<u32>().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Takes the selectors that this ruff cannot resolve out of the settings, with a warning each, and
/// puts the old default selection where none is given. Returns the selectors that name one rule.
pub(super) fn settle_selectors(ruff: &mut Table, warnings: &mut Vec<Warning>) -> Vec<String> {
    let preview = [ruff.get("lint").and_then(|it| it.get("preview")), ruff.get("preview")]
        .into_iter()
        .flatten()
        .next()
        .and_then(Value::as_bool)
        .map_or(PreviewMode::Disabled, PreviewMode::from);
    let mut exact = Vec::new();
    settle_table(ruff, "", preview, &mut exact, warnings);
    let mut selects = ruff.contains_key("select");
    if let Some(Value::Table(lint)) = ruff.get_mut("lint") {
        settle_table(lint, "lint.", preview, &mut exact, warnings);
        selects |= lint.contains_key("select");
    }
    if !selects {
        let lint = ruff.entry("lint").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(lint) = lint {
            let selection = DEFAULT_SELECTION.map(|it| Value::String(it.to_owned()));
            lint.insert("select".to_owned(), Value::Array(selection.to_vec()));
        }
    }
    exact
}

fn settle_table(
    table: &mut Table,
    prefix: &str,
    preview: PreviewMode,
    exact: &mut Vec<String>,
    warnings: &mut Vec<Warning>,
) {
    let mut settle = |key: String, list: &mut Value, selects: bool| {
        let Value::Array(list) = list else { return };
        list.retain(|it| {
            let Some(selector) = it.as_str() else { return true };
            match UnresolvedRuleSelector::cli(selector).resolve(preview) {
                Ok(RuleSelector::Rule { rule, .. }) if rule.is_removed() => {
                    warnings.push(Warning::unknown_rule(&key, selector));
                    false
                }
                Ok(RuleSelector::Rule { rule, .. }) => {
                    if selects {
                        exact.push(rule.noqa_code().to_string());
                    }
                    true
                }
                Ok(_) => true,
                Err(_) => {
                    warnings.push(Warning::unknown_rule(&key, selector));
                    false
                }
            }
        });
    };
    for name in SELECTIONS {
        if let Some(list) = table.get_mut(name) {
            settle(format!("{prefix}{name}"), list, name.ends_with("select"));
        }
    }
    for name in ["per-file-ignores", "extend-per-file-ignores"] {
        let Some(Value::Table(files)) = table.get_mut(name) else { continue };
        for (pattern, list) in files.iter_mut() {
            settle(format!("{prefix}{name}.\"{pattern}\""), list, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_rules_are_read() {
        assert_eq!(version("v0.0.155"), Some((0, 0, 155)));
        assert_eq!(version("0.15.0"), Some((0, 15, 0)));
        assert_eq!(version("NEXT_RUFF_VERSION"), None);
    }

    #[test]
    fn a_rule_of_the_pinned_ruff_is_not_newer() {
        for code in ["I001", "F401", "W293", "SIM910"] {
            assert!(!is_newer(Rule::from_code(code).unwrap()), "{code}");
        }
    }
}
