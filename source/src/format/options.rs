//! Settings that ruff 0.16.4 does not know: named, and taken out so that the rest can be read.

use ruff_options_metadata::{OptionEntry, OptionsMetadata};
use ruff_workspace::options::Options;
use toml::{Table, Value};

use super::style::Warning;

/// Known settings that cannot be honoured here, and why.
const NOT_HONOURED: [(&str, &str); 2] = [
    ("extend", "another configuration file is not read; merge its settings into this one"),
    (
        "required-version",
        "the embedded ruff is 0.16.4; use the pinned program for an exact version",
    ),
];

/// Removes what is unknown or not honoured from `ruff` (the `[tool.ruff]` table).
pub(super) fn take_unknown(ruff: &mut Table, warnings: &mut Vec<Warning>) {
    for (key, reason) in NOT_HONOURED {
        if ruff.remove(key).is_some() {
            warnings.push(Warning::new(key, reason));
        }
    }
    take_unknown_in(ruff, "", warnings);
}

fn take_unknown_in(table: &mut Table, prefix: &str, warnings: &mut Vec<Warning>) {
    let names: Vec<String> = table.keys().cloned().collect();
    for name in names {
        let path = format!("{prefix}{name}");
        match entry(&path) {
            Some(OptionEntry::Field(_)) => {}
            Some(OptionEntry::Set(_)) => {
                if let Some(Value::Table(inner)) = table.get_mut(&name) {
                    take_unknown_in(inner, &format!("{path}."), warnings);
                }
            }
            None => {
                table.remove(&name);
                warnings.push(Warning::new(&path, "ruff 0.16.4 knows no such setting"));
            }
        }
    }
}

/// Looks a dotted path up in ruff's own table of settings. Lint settings may still stand directly
/// in `[tool.ruff]`, as they did before ruff had `[tool.ruff.lint]`.
fn entry(path: &str) -> Option<OptionEntry> {
    let options = Options::metadata();
    options.find(path).or_else(|| options.find(&format!("lint.{path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> (Table, Vec<String>) {
        let mut table: Table = text.parse().unwrap();
        let mut warnings = Vec::new();
        take_unknown(&mut table, &mut warnings);
        (table, warnings.into_iter().map(|it| it.setting).collect())
    }

    #[test]
    fn known_settings_stay() {
        let text = "select = ['F']\nline-length = 119\n[lint.isort]\nlines-after-imports = 2\n\
                    [lint.per-file-ignores]\n'__init__.py' = ['F401']\n";
        let (table, warnings) = left(text);
        assert_eq!(table, text.parse().unwrap());
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn unknown_settings_are_named_wherever_they_stand() {
        let (table, warnings) =
            left("colour = 1\n[format]\nquotes = 'x'\n[lint.isort]\nlines = 2\n[lint.nope]\na = 1");
        assert_eq!(warnings, ["colour", "format.quotes", "lint.isort.lines", "lint.nope"]);
        assert_eq!(table, "[format]\n[lint.isort]\n".parse().unwrap());
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        let (_, warnings) = left("extend = '../ruff.toml'\nrequired-version = '==0.14.10'");
        assert_eq!(warnings, ["extend", "required-version"]);
    }
}
