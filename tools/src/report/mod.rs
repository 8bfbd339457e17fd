//! `draft_report`: the report of a run, rendered from its evidence alone, and checked against it.
//!
//! # Where to start
//!
//! [`render`] makes the Markdown, [`html`] the page, [`draft`] fills the target's own template;
//! [`check`](mod@check) holds what is on disk to the evidence. `data` says what templates may name.
//!
//! # Invariants
//!
//! - Every word outside the marks for a person follows from the evidence; rendering it twice gives
//!   the same bytes.
//! - What the evidence quotes (paths, names, messages) is escaped by the templates' filters.
//! - What a person has to say is a marked blank, never filled in.

mod check;
mod data;
mod draft;
mod plots;
mod question;
mod target;
mod untested;
mod wrong;

use std::path::PathBuf;

use portwright_harness::{evidence::Evidence, rundir::RunDir};
use serde_json::json;

pub use check::{ReportCheck, ReportFault, check};
pub use data::sentence;
pub use draft::{DRAFT, Draft, DraftError, DraftInput, draft};
pub use untested::{shortly, untested};
pub use wrong::{Line, in_short};

use crate::error::ToolError;

pub const REPORT: &str = "report.md";
pub const PAGE: &str = "report.html";
pub const REPRODUCE: &str = "reproduce.sh";

/// One file of a report: its name in the run's folder, and how it is made.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) render: fn(&Evidence) -> Result<String, ToolError>,
}

/// Every file that a run's evidence renders to.
pub(crate) const FILES: &[File] = &[
    File { name: REPRODUCE, render: reproduce },
    File { name: PAGE, render: html },
    File { name: REPORT, render },
];

/// The report of `evidence`, as Markdown.
pub fn render(evidence: &Evidence) -> Result<String, ToolError> {
    Ok(portwright_prompts::render(REPORT, &data::of(evidence))?)
}

/// The report of `evidence`, as one HTML file that needs nothing else.
pub fn html(evidence: &Evidence) -> Result<String, ToolError> {
    let mut data = data::of(evidence);
    data["plots"] = data::plots(evidence)
        .into_iter()
        .map(|it| (it.id.clone(), json!(it)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    Ok(portwright_prompts::render(PAGE, &data)?)
}

/// The script that makes the run again.
pub fn reproduce(evidence: &Evidence) -> Result<String, ToolError> {
    Ok(portwright_prompts::render(REPRODUCE, &json!({"e": evidence}))?)
}

/// Write report and reproduction script beside the evidence.
pub fn write(dir: &RunDir, evidence: &Evidence) -> Result<PathBuf, ToolError> {
    let mut path = dir.path().to_owned();
    for file in FILES {
        path = dir.write(file.name, (file.render)(evidence)?.as_bytes())?;
    }
    Ok(path)
}
