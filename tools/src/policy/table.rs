//! What each target asks of contributions, out of its table, as its own files say it.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::civil::Date;
use portwright_targets::{self as targets, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{aspect, error::PolicyError};
use crate::target_path::TargetPath;

/// Stands in a path for the model's name in file names.
const MODEL: &str = "{model}";

/// One target's rules.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) target: String,
    /// Where its pull requests go, e.g. `ml-explore/mlx-lm`.
    pub(super) repository: String,
    /// What a checkout of it has.
    pub(super) marker: TargetPath,
    pub(super) note: Option<String>,
    pub(super) source: Vec<Source>,
    pub(super) rule: Vec<Row>,
}

/// A file that rules were read from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: TargetPath,
    /// The day on which it was read, e.g. `2026-11-28`.
    pub(super) read: String,
    /// Of the text with Unix line ends; none where the file itself was not at hand.
    pub(super) sha256: Option<String>,
}

/// One rule.
#[derive(Debug)]
pub(super) struct Row {
    /// An aspect of a contribution.
    pub(super) id: String,
    pub(super) verdict: Verdict,
    pub(super) says: String,
    /// What the person does instead, where that is more than the aspect itself says.
    pub(super) instead: Option<String>,
    pub(super) values: Vec<String>,
    pub(super) file: TargetPath,
    pub(super) section: String,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Allowed,
    Forbidden,
    Required,
    /// It takes a person.
    Person,
}

impl From<targets::Verdict> for Verdict {
    fn from(verdict: targets::Verdict) -> Self {
        match verdict {
            targets::Verdict::Allowed => Self::Allowed,
            targets::Verdict::Forbidden => Self::Forbidden,
            targets::Verdict::Required => Self::Required,
            targets::Verdict::Person => Self::Person,
        }
    }
}

/// The rules of `target`.
///
/// # Errors
///
/// Fails for a target that is not known, and for rules that are not as rules have to be.
pub(super) fn load(target: &str) -> Result<Table, PolicyError> {
    rules(targets::find(target)?)
}

fn rules(target: &Target) -> Result<Table, PolicyError> {
    let wrong = |detail: String| PolicyError::Table { target: target.id.clone(), detail };
    let path = |text: &str| TargetPath::new(text).map_err(|err| wrong(err.to_string()));
    let source = target.source.iter().map(|it| {
        let (read, sha256) = (it.read.clone(), it.sha256.clone());
        Ok(Source { file: path(&it.file)?, read, sha256 })
    });
    let rule = target.rule.iter().map(|it| {
        Ok(Row {
            id: it.id.clone(),
            verdict: it.verdict.into(),
            says: it.says.clone(),
            instead: it.instead.clone(),
            values: it.values.clone(),
            file: path(&it.source.file)?,
            section: it.source.section.clone(),
        })
    });
    let table = Table {
        target: target.id.clone(),
        repository: target.repository.clone(),
        marker: path(&target.marker)?,
        note: target.note.clone(),
        source: source.collect::<Result<_, PolicyError>>()?,
        rule: rule.collect::<Result<_, PolicyError>>()?,
    };
    let source = &table.source;
    let is_digest =
        |it: &str| it.len() == 64 && it.chars().all(|it| matches!(it, '0'..='9' | 'a'..='f'));
    for (at, it) in source.iter().enumerate() {
        if source[..at].iter().any(|other| other.file == it.file) {
            return Err(wrong(format!("`{}` is read twice", it.file)));
        }
        if let Err(err) = it.read.parse::<Date>() {
            return Err(wrong(format!(
                "`{}` was read on `{}`, which is not a date: {err}",
                it.file, it.read
            )));
        }
        if it.sha256.as_deref().is_some_and(|it| !is_digest(it)) {
            return Err(wrong(format!("`{}` has no sha256 where one is written", it.file)));
        }
    }
    let mut seen = BTreeSet::new();
    for row in &table.rule {
        row_fault(&table, row).map_or(Ok(()), |it| Err(wrong(format!("`{}`: {it}", row.id))))?;
        if !seen.insert(&row.id) {
            return Err(wrong(format!("`{}` stands twice", row.id)));
        }
    }
    Ok(table)
}

fn row_fault(table: &Table, row: &Row) -> Option<String> {
    let Some(aspect) = aspect::find(&row.id) else {
        let known: Vec<&str> = aspect::ASPECTS.iter().map(|it| it.id).collect();
        return Some(format!("there is no such aspect; there are {}", known.join(", ")));
    };
    if !row.says.ends_with('.') || row.instead.as_ref().is_some_and(|it| !it.ends_with('.')) {
        return Some("what it says is not a whole sentence".to_owned());
    }
    if row.section.trim().is_empty() {
        return Some("its source names no section".to_owned());
    }
    if !table.source.iter().any(|it| it.file == row.file) {
        return Some(format!("`{}` is not among the sources", row.file));
    }
    if aspect.paths {
        if row.values.is_empty() {
            return Some("it names no path".to_owned());
        }
        return globs(&row.values, "model").err();
    }
    None
}

/// The paths that `values` stand for, for the model whose files are called `model`.
pub(super) fn globs(values: &[String], model: &str) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for value in values {
        let pattern = value.replace(MODEL, model);
        TargetPath::new(pattern.clone()).map_err(|err| err.to_string())?;
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        set.add(glob.map_err(|err| err.to_string())?);
    }
    set.build().map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "x"
repository = "owner/x"
marker = "x/models"
places = [{ before = "x/models/", is = "source", ending = ".py" }]

[[source]]
file = "AGENTS.md"
read = "2026-11-28"

[[rule]]
id = "allowed-paths"
verdict = "required"
says = "A model is one file."
values = ["x/models/{model}.py"]
source = { file = "AGENTS.md", section = "Models" }
"#;

    #[test]
    fn every_table_is_as_tables_have_to_be() {
        for target in targets::all() {
            let table = rules(target).unwrap_or_else(|err| panic!("{err}"));
            let ids: Vec<&str> = table.rule.iter().map(|it| it.id.as_str()).collect();
            // Staging stands on these two.
            for id in ["allowed-paths", "model-files"] {
                assert!(ids.contains(&id), "{} lacks {id}", target.id);
            }
        }
    }

    /// What is wrong with a text of a table.
    fn fault(text: &str) -> String {
        match targets::parse(text) {
            Ok(target) => rules(&target).map(|_| ()).unwrap_err().to_string(),
            Err(err) => err.to_string(),
        }
    }

    #[test]
    fn a_wrong_table_does_not_load() {
        rules(&targets::parse(GOOD).unwrap()).unwrap();
        for (from, to, said) in [
            ("read = \"2026-11-28\"", "", "missing field `read`"),
            ("read = \"2026-11-28\"", "read = \"2026-13-40\"", "not a date"),
            ("says =", "sings =", "unknown field `sings`"),
            ("marker =", "colour = 1\nmarker =", "unknown field `colour`"),
            (
                "source = { file = \"AGENTS.md\", section = \"Models\" }",
                "",
                "missing field `source`",
            ),
            (", section = \"Models\"", "", "missing field `section`"),
            ("section = \"Models\"", "section = \" \"", "no section"),
            ("source = { file = \"AGENTS.md\"", "source = { file = \"README.md\"", "not among"),
            ("\"required\"", "\"maybe\"", "unknown variant `maybe`"),
            ("\"allowed-paths\"", "\"allowed-colours\"", "no such aspect"),
            ("one file.", "one file", "not a whole sentence"),
            ("x/models/{model}.py", "../{model}.py", "leads upwards"),
            ("x/models/{model}.py", "x/[a.py", "glob"),
            ("[\"x/models/{model}.py\"]", "[]", "names no path"),
            ("marker = \"x/models\"", "marker = \"../x\"", "leads upwards"),
            ("read =", "sha256 = \"abc\"\nread =", "no sha256"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let err = fault(&text);
            assert!(err.contains(said), "{said}: {err}");
        }
        let twice = format!("{GOOD}{}", &GOOD[GOOD.find("[[rule]]").unwrap()..]);
        assert!(fault(&twice).contains("stands twice"));
    }

    #[test]
    fn a_star_does_not_reach_into_folders() {
        let set = globs(&["a/{model}/*.py".to_owned(), "b/**".to_owned()], "olmo3").unwrap();
        assert!(set.is_match("a/olmo3/x.py") && set.is_match("b/c/d"));
        assert!(!set.is_match("a/olmo3/y/x.py") && !set.is_match("a/llama/x.py"));
    }
}
