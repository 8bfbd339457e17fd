//! The embedded engines beside the native ones: do both say the same of every port, and of every planted bug?
//!
//! The tables of the embedded runs; what the native runs said is read from their own tables in the same
//! folder.

use std::{collections::BTreeMap, path::Path};

use portwright_harness::{
    case::Spelling, figure::Real, mutants::Catch, outcome::Verdict, sweep::Row,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    catches::{self, Catches},
    coverage::Coverage,
    error::ToolError,
    table,
};

/// The names of the tables in the docs.
pub const TYPES: &str = "embedded.md";
pub const TYPES_JSON: &str = "embedded.json";
pub const MUTANTS: &str = "embedded-mutants.md";
pub const MUTANTS_JSON: &str = "embedded-mutants.json";

/// One model type in one spelling, as both pairs of engines judged it.
#[derive(Debug, Serialize)]
struct Pairing<'a> {
    embedded: &'a Row,
    native: Option<&'a Row>,
    agree: bool,
    /// Checks that fail in one of both.
    only_embedded: Vec<&'a str>,
    only_native: Vec<&'a str>,
}

/// Write what the embedded engines said of the model types, beside what the native ones did.
pub(crate) fn write_types(
    coverage: &Coverage,
    native: &Coverage,
    docs: &Path,
) -> Result<(), ToolError> {
    table::write(docs, (TYPES, types(coverage, native)?), (TYPES_JSON, coverage))
}

/// The table of model types as Markdown.
///
/// # Errors
///
/// Where the template fails.
pub fn types(coverage: &Coverage, native: &Coverage) -> Result<String, ToolError> {
    let key = |it: &Row| (it.model_type.clone(), it.spelling);
    let of_native: BTreeMap<(String, Spelling), &Row> =
        native.rows.iter().map(|it| (key(it), it)).collect();
    let rows: Vec<Pairing<'_>> = coverage
        .rows
        .iter()
        .map(|embedded| beside(embedded, of_native.get(&key(embedded)).copied()))
        .collect();
    let right = || coverage.rows.iter().filter(|it| it.is_right_at_its_config());
    let worst = |of: fn(&Row) -> Option<f64>| right().filter_map(of).fold(0.0, f64::max);
    let data = json!({
        "versions": coverage.versions,
        "rows": rows,
        "agreeing": rows.iter().filter(|it| it.agree).count(),
        "compared": rows.iter().filter(|it| it.native.is_some()).count(),
        "right": right().count(),
        "worst_difference": Real(worst(|it| Some(it.max_abs?.0))),
        "worst_multiple": Real(worst(|it| Some(it.worst_multiple?.0))),
    });
    Ok(portwright_prompts::render("embedded-coverage.md", &data)?)
}

fn beside<'a>(embedded: &'a Row, native: Option<&'a Row>) -> Pairing<'a> {
    let own = |row: &'a Row, other: &'a Row| -> Vec<&'a str> {
        row.failed.iter().filter(|it| !other.failed.contains(it)).map(String::as_str).collect()
    };
    Pairing {
        embedded,
        native,
        agree: native.is_some_and(|it| {
            it.verdict == embedded.verdict
                && it.is_right_at_its_config() == embedded.is_right_at_its_config()
        }),
        only_embedded: native.map(|it| own(embedded, it)).unwrap_or_default(),
        only_native: native.map(|it| own(it, embedded)).unwrap_or_default(),
    }
}

/// Write what the embedded engines made of planted bugs, beside what the native ones did.
pub(crate) fn write_mutants(catches: &Catches, docs: &Path) -> Result<(), ToolError> {
    let native: Catches = table::load(docs, catches::TABLE_JSON)?;
    table::write(docs, (MUTANTS, planted(catches, &native)?), (MUTANTS_JSON, catches))
}

/// The table of planted bugs as Markdown.
///
/// # Errors
///
/// Where the template fails.
pub fn planted(catches: &Catches, native: &Catches) -> Result<String, ToolError> {
    let rows: Vec<_> = catches
        .catches
        .iter()
        .map(|embedded| {
            let native = native.catches.iter().find(|it| it.id == embedded.id);
            let agree = native.is_some_and(|it| alike(it, embedded));
            json!({"embedded": embedded, "native": native, "agree": agree})
        })
        .collect();
    let data = json!({
        "rows": rows,
        "caught": catches.caught(),
        "false_alarms": catches.false_alarms(),
        "agreeing": rows.iter().filter(|it| it["agree"] == true).count(),
    });
    Ok(portwright_prompts::render(MUTANTS, &data)?)
}

/// Whether both pairs of engines say the same of a planted bug and of the port without it.
fn alike(a: &Catch, b: &Catch) -> bool {
    let passes = |it: &Catch| it.unpatched == Verdict::Pass;
    a.caught == b.caught && passes(a) == passes(b)
}
