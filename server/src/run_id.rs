//! The name of a run: what an agent passes around, and the name of a folder.

use std::fmt;

/// Names a run and its folder under the runs' root.
///
/// Invariant: one ordinary path component of at most 128 letters, digits, `.`, `_` and `-`, not
/// starting with a dot. So joining it to a folder never leaves that folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunId(String);

const LONGEST: usize = 128;

impl RunId {
    /// `None` when `text` cannot be the name of a run.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let ordinary = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
        let fits = (1..=LONGEST).contains(&text.len());
        (fits && !text.starts_with('.') && text.chars().all(ordinary))
            .then(|| Self(text.to_owned()))
    }

    /// A name for a run that starts now, e.g. `olmo3-20260131T120000123Z`.
    pub(crate) fn fresh(model_type: &str) -> Option<Self> {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
        Self::parse(&format!("{model_type}-{now}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
        let long = "a".repeat(LONGEST + 1);
        for text in ["", "..", ".", ".lock", "a/b", "../a", "a\\b", "a b", "a\0", "%2e%2e", &long] {
            assert_eq!(RunId::parse(text), None, "{text:?}");
        }
        assert!(RunId::parse("olmo3-20260131T120000123Z").is_some());
        assert_eq!(RunId::fresh("../x"), None);
    }
}
