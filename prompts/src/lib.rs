//! Templates, and the one way to render them: data in, text out.
//!
//! # Where to start
//!
//! [`TEMPLATES`] is the table of every template; [`render`] fills one. [`mcp`] is what agents are
//! given to begin with.
//!
//! # Invariants
//!
//! - A template that names a value which is not there is an error, never an empty place.
//! - No logic beyond layout: every number a template prints is in the data as it is measured, and
//!   is formatted by the filters of this crate alone, so that a report can be checked against its
//!   evidence.

pub mod mcp;

use std::sync::LazyLock;

use minijinja::{
    Environment, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde,
};
use serde::Serialize;

/// Every template by name, in the order of the docs.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("report.md", include_str!("../templates/report.md.j2")),
    ("report.html", include_str!("../templates/report.html.j2")),
    ("pull-request.md", include_str!("../templates/pull-request.md.j2")),
    ("pull-request-fact.md", include_str!("../templates/pull-request-fact.md.j2")),
    ("compare.md", include_str!("../templates/compare.md.j2")),
    ("reproduce.sh", include_str!("../templates/reproduce.sh.j2")),
    ("variations-coverage.md", include_str!("../templates/variations-coverage.md.j2")),
    ("constants.md", include_str!("../templates/constants.md.j2")),
    ("embedded-coverage.md", include_str!("../templates/embedded-coverage.md.j2")),
    ("embedded-mutants.md", include_str!("../templates/embedded-mutants.md.j2")),
    ("verify-coverage.md", include_str!("../templates/verify-coverage.md.j2")),
    ("definitions-coverage.md", include_str!("../templates/definitions-coverage.md.j2")),
    ("dialect-coverage.md", include_str!("../templates/dialect-coverage.md.j2")),
    ("releases-coverage.md", include_str!("../templates/releases-coverage.md.j2")),
    ("mutants.md", include_str!("../templates/mutants.md.j2")),
    ("trials.md", include_str!("../templates/trials.md.j2")),
    ("planted-bugs.md", include_str!("../templates/planted-bugs.md.j2")),
    ("proved-causes.md", include_str!("../templates/proved-causes.md.j2")),
    ("modular-coverage.md", include_str!("../templates/modular-coverage.md.j2")),
    ("scaffold-coverage.md", include_str!("../templates/scaffold-coverage.md.j2")),
    ("ports-coverage.md", include_str!("../templates/ports-coverage.md.j2")),
    ("inspect-coverage.md", include_str!("../templates/inspect-coverage.md.j2")),
    ("licence.py", include_str!("../templates/licence.py.j2")),
    ("modular-new.py", include_str!("../templates/modular-new.py.j2")),
    ("model-init.py", include_str!("../templates/model-init.py.j2")),
    ("test-modeling.py", include_str!("../templates/test-modeling.py.j2")),
    ("model-doc.md", include_str!("../templates/model-doc.md.j2")),
    ("mcp/frame.md", include_str!("../mcp/frame.md.j2")),
    ("mcp/add-model-to-transformers.md", include_str!("../mcp/add-model-to-transformers.md.j2")),
    ("mcp/port-model.md", include_str!("../mcp/port-model.md.j2")),
    ("mcp/verify-port.md", include_str!("../mcp/verify-port.md.j2")),
    ("mcp/triage-divergence.md", include_str!("../mcp/triage-divergence.md.j2")),
    ("mcp/review-port.md", include_str!("../mcp/review-port.md.j2")),
    ("mcp/release-notes.md", include_str!("../mcp/release-notes.md.j2")),
];

#[derive(Debug, thiserror::Error)]
#[error("failed to render `{name}`")]
pub struct RenderError {
    pub name: String,
    #[source]
    source: minijinja::Error,
}

/// All templates, parsed once.
static ENVIRONMENT: LazyLock<Result<Environment<'static>, String>> =
    LazyLock::new(|| environment().map_err(|err| format!("{err:#}")));

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.add_filter("sci", sci);
    environment.add_filter("cell", cell);
    environment.add_filter("code", code);
    environment.add_filter("plain", plain);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// Fill the template `name` with `data`.
pub fn render<T: Serialize>(name: &str, data: &T) -> Result<String, RenderError> {
    let error = |source| RenderError { name: name.to_owned(), source };
    let environment = ENVIRONMENT
        .as_ref()
        .map_err(|err| error(minijinja::Error::new(ErrorKind::SyntaxError, err.clone())))?;
    let template = environment.get_template(name).map_err(error)?;
    template.render(Value::from(Serde(data))).map_err(error)
}

/// A measured number as people read it: whole numbers plain, others with four significant digits.
#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja's filters have")]
fn sci(value: Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) => number_text(number),
        // NaN and infinities travel as text.
        Err(_) => value.to_string(),
    }
}

/// See [`sci`].
pub fn number_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if number.fract() == 0.0 && number.abs() < 1e6 {
        return format!("{number}");
    }
    let size = number.abs();
    // Four significant digits, written out while that is short.
    for (least, digits) in [(1e3, 0), (1e2, 1), (1e1, 2), (1.0, 3), (1e-1, 4), (1e-2, 5), (1e-3, 6)]
    {
        if least <= size && size < 1e6 {
            return format!("{number:.digits$}");
        }
    }
    format!("{number:.3e}")
}

/// Text that is safe inside a Markdown table cell.
#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja's filters have")]
fn cell(text: String) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name or a path as code in Markdown: on one line, and nothing in it ends the code or a comment.
#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja's filters have")]
fn code(text: String) -> String {
    format!("`{}`", cell(text.replace('`', "'").replace("<!--", "<! --")))
}

/// Text that is quoted in Markdown: on one line, and no markup.
#[allow(clippy::needless_pass_by_value, reason = "the signature that minijinja's filters have")]
fn plain(text: String) -> String {
    cell(text.replace('<', "&lt;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let shown: Vec<String> =
            [0.0, 64.0, 0.5, 3.92, 123.456, 1.688e-4, 2.5e-13, f64::NAN].map(number_text).into();
        assert_eq!(shown, ["0", "64", "0.5000", "3.920", "123.5", "1.688e-4", "2.500e-13", "NaN"]);
    }

    #[test]
    fn what_is_quoted_is_no_markup() {
        assert_eq!(code("a`b\n<!-- person: x -->|c".into()), "`a'b <! -- person: x -->\\|c`");
        assert_eq!(plain("<script>\n# x".into()), "&lt;script> # x");
    }

    #[test]
    fn a_missing_value_is_an_error() {
        assert!(render("report.md", &serde_json::json!({})).is_err());
    }
}
