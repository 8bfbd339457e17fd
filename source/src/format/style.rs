//! A repository's own formatting and lint settings, read by ruff's own reader.

use std::{path::Path, sync::Arc};

use ruff_linter::settings::LinterSettings;
use ruff_ranged_value::{ValueSource, ValueSourceGuard};
use ruff_workspace::{FormatterSettings, configuration::Configuration, options::Options};
use serde::Deserialize;
use toml::{Table, Value};

use super::{options, rules};

/// The directory that every path is taken to lie in. It need not exist: nothing is read from it.
pub(super) const ROOT: &str = if cfg!(windows) { "C:\\repository" } else { "/repository" };

/// What transformers' own `pyproject.toml` says where it matters to generated files. An installed
/// wheel ships none. The lowest target version of the 5.x releases is taken.
const TRANSFORMERS: &str = r#"
target-version = "py310"
line-length = 119

[lint]
preview = true
explicit-preview-rules = true
select = [
    "E", "F", "I", "W", "UP", "FURB", "SIM", "S110", "C4", "C901", "RUF013", "PERF102",
    "PLC1802", "PLC0208", "PIE794", "PLW1514",
]
ignore = ["E501", "E741", "SIM1", "SIM905", "UP015", "UP031"]
extend-safe-fixes = ["UP006"]

[lint.per-file-ignores]
"__init__.py" = ["E402", "F401", "F403", "F811"]

[lint.isort]
lines-after-imports = 2
known-first-party = ["transformers"]

[format]
quote-style = "double"
indent-style = "space"
skip-magic-trailing-comma = false
line-ending = "auto"
"#;

/// How a repository wants its Python laid out. Cheap to clone; shared between threads.
#[derive(Clone, Debug)]
pub struct Style {
    /// The settings as they were found, for [`Style::to_toml`].
    found: Table,
    pub(super) linter: Arc<LinterSettings>,
    pub(super) formatter: Arc<FormatterSettings>,
    warnings: Vec<Warning>,
}

/// A setting that is present but has no effect on [`tidy`](super::tidy).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` has no effect here: {reason}")]
pub struct Warning {
    /// Its path below `[tool.ruff]`, such as `lint.isort.lines-after-imports`.
    pub setting: String,
    /// Why it has none, and what to do.
    pub reason: String,
}

impl Warning {
    pub(super) fn new(setting: &str, reason: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), reason: reason.into() }
    }

    pub(super) fn unknown_rule(setting: &str, selector: &str) -> Self {
        Self::new(setting, format!("ruff 0.16.4 has no rule `{selector}`"))
    }
}

/// Why settings could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StyleError {
    /// The text is not TOML; the message has line and column.
    #[error("The settings are not TOML")]
    Syntax(#[source] toml::de::Error),
    /// A setting has a value of the wrong kind.
    #[error("the ruff settings contradict each other: {0}")]
    Value(String),
}

impl Style {
    /// Reads `[tool.ruff]` of a `pyproject.toml`, and `requires-python` where that sets no target.
    pub fn from_pyproject(text: &str) -> Result<Self, StyleError> {
        let mut pyproject: Table = text.parse().map_err(StyleError::Syntax)?;
        let mut warnings = Vec::new();
        let requires = pyproject
            .get("project")
            .and_then(|it| it.get("requires-python"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let ruff = pyproject.get_mut("tool").and_then(Value::as_table_mut);
        let mut ruff = match ruff.and_then(|tool| tool.remove("ruff")) {
            Some(Value::Table(ruff)) => ruff,
            Some(_) => return Err(StyleError::Value("`tool.ruff` is not a table".to_owned())),
            None => {
                warnings.push(Warning::new("tool.ruff", "there is none; ruff's defaults count"));
                Table::new()
            }
        };
        if let (None, Some(requires)) = (ruff.get("target-version"), requires) {
            match lowest_python(&requires) {
                Some(target) => {
                    ruff.insert("target-version".to_owned(), Value::String(target));
                }
                None => warnings.push(Warning::new(
                    "project.requires-python",
                    format!("no lowest version is plain from `{requires}`; set `target-version`"),
                )),
            }
        }
        Self::from_table(ruff, warnings)
    }

    /// Reads a `ruff.toml`: the same settings without the `[tool.ruff]` above them.
    pub fn from_ruff_toml(text: &str) -> Result<Self, StyleError> {
        Self::from_table(text.parse().map_err(StyleError::Syntax)?, Vec::new())
    }

    /// What an installed transformers was formatted with: 119 columns, two lines after imports,
    /// `transformers` first party, Python 3.10.
    pub fn transformers() -> Self {
        Self::from_ruff_toml(TRANSFORMERS).expect("the settings above are valid: a test reads them")
    }

    /// The settings as a `ruff.toml`, for the ruff program. What only that program knows is kept.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.found).expect("a table that was parsed can be written")
    }

    /// The same settings, but imports that nothing uses stay.
    pub(crate) fn keeping_imports(&self) -> Result<Self, StyleError> {
        let mut found = self.found.clone();
        let lint = found.entry("lint").or_insert_with(|| Value::Table(Table::new()));
        if let Some(lint) = lint.as_table_mut() {
            let ignore = lint.entry("ignore").or_insert_with(|| Value::Array(Vec::new()));
            if let Some(ignore) = ignore.as_array_mut() {
                ignore.push(Value::String("F401".to_owned()));
            }
        }
        Self::from_table(found, Vec::new())
    }

    /// The settings that are present but have no effect here, in the order of the text.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn from_table(found: Table, mut warnings: Vec<Warning>) -> Result<Self, StyleError> {
        let mut ruff = found.clone();
        options::take_unknown(&mut ruff, &mut warnings);
        let exact = rules::settle_selectors(&mut ruff, &mut warnings);
        let invalid = |error: &dyn std::fmt::Display| StyleError::Value(error.to_string());

        let guard = ValueSourceGuard::new(ValueSource::Cli, false);
        let options = Options::deserialize(Value::Table(ruff)).map_err(|it| invalid(&it))?;
        drop(guard);
        let root = Path::new(ROOT);
        let mut settings = Configuration::from_options(options, None, root)
            .and_then(|it| it.into_settings(root))
            .map_err(|it| invalid(&format_args!("{it:#}")))?;
        rules::keep_fixable(&mut settings.linter.rules, &exact);
        // With a source directory, isort would look at the disk to tell first party from third.
        settings.linter.src = Vec::new();
        Ok(Self {
            found,
            linter: Arc::new(settings.linter),
            formatter: Arc::new(settings.formatter),
            warnings,
        })
    }
}

/// The `target-version` for a plain lower bound such as `>=3.10.0`.
fn lowest_python(requires: &str) -> Option<String> {
    requires.split(',').find_map(|clause| {
        let clause = clause.trim();
        let bound = clause.strip_prefix(">=").or_else(|| clause.strip_prefix("~="))?;
        let mut parts = bound.trim().split('.');
        let (major, minor) = (parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<u8>().ok()?);
        Some(format!("py{major}{minor}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_of(style: &Style) -> Vec<String> {
        style.warnings().iter().map(|it| it.setting.clone()).collect()
    }

    #[test]
    fn the_settings_of_an_installed_transformers_are_understood() {
        assert_eq!(Style::transformers().warnings(), []);
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_settings() {
        let style = Style::transformers();
        let again = Style::from_ruff_toml(&style.to_toml()).unwrap();
        assert_eq!(again.found, style.found);
        assert_eq!(format!("{:?}", again.linter.isort), format!("{:?}", style.linter.isort));
    }

    #[test]
    fn the_target_comes_from_requires_python_where_ruff_names_none() {
        let text = "[project]\nrequires-python = '>=3.10.0, <4'\n[tool.ruff]\nline-length = 100";
        let style = Style::from_pyproject(text).unwrap();
        assert!(style.to_toml().contains("target-version = \"py310\""), "{}", style.to_toml());
        let style = Style::from_pyproject(&text.replace(">=3.10.0, <4", "!=3.9")).unwrap();
        assert_eq!(settings_of(&style), ["project.requires-python"]);
    }

    #[test]
    fn nothing_that_is_present_is_dropped_in_silence() {
        let text = "[tool.ruff]\nrequired-version = '==0.14.10'\n[tool.ruff.format]\ntabs = 1\n\
                    [tool.ruff.lint]\nselect = ['F', 'ZZZ9']\nper-file-ignores = {'a.py' = ['Q7']}";
        let style = Style::from_pyproject(text).unwrap();
        assert_eq!(
            settings_of(&style),
            ["required-version", "format.tabs", "lint.select", "lint.per-file-ignores.\"a.py\""]
        );
        assert!(style.to_toml().contains("required-version"), "the pinned program gets all of it");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_an_error_that_names_it() {
        let err = Style::from_pyproject("[tool.ruff]\nline-length = 'wide'").unwrap_err();
        assert!(err.to_string().contains("wide"), "{err}");
        assert!(matches!(Style::from_pyproject("[tool.ruff"), Err(StyleError::Syntax(_))));
        assert!(matches!(Style::from_pyproject("[tool]\nruff = 1"), Err(StyleError::Value(_))));
    }

    #[test]
    fn without_a_ruff_table_the_defaults_count_and_are_said() {
        let style = Style::from_pyproject("[project]\nname = 'x'").unwrap();
        assert_eq!(settings_of(&style), ["tool.ruff"]);
        assert_eq!(style.formatter.line_width.value(), 88);
    }
}
