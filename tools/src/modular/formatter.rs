//! Which formatter lays out what was converted: the one inside, or the `ruff` that a repository pins.

use std::path::PathBuf;

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    hint::Hint,
    progress::{Event, Progress},
};
use portwright_source::{
    Library,
    format::{Style, tidy},
};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::ToolError,
    ruff::{self, Ruff, RuffError},
};

/// Which formatter is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatterChoice {
    /// The pinned program where the repository pins one and it can be had, else the embedded one.
    #[default]
    Auto,
    /// The one inside this program: nothing is installed.
    Embedded,
    /// The program that the repository pins: its very bytes.
    Pinned,
}

/// Which formatter was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FormatterUsed {
    /// `embedded` or `pinned`.
    pub formatter: FormatterChoice,
    /// `ruff 0.14.10`
    pub name: String,
    /// Why this one.
    pub reason: String,
}

/// A formatter with the repository's own settings.
#[derive(Debug)]
pub(super) struct Formatter {
    pinned: Option<Ruff>,
    style: Style,
    pub(super) used: FormatterUsed,
}

/// The version of ruff whose crates are inside.
const EMBEDDED: &str = "ruff 0.16.4, embedded";

impl Formatter {
    pub(super) fn choose(
        choice: FormatterChoice,
        library: &Library,
        home: &Home,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self, ToolError> {
        let root = library.package();
        let style = ruff::settings(root)?;
        let embedded = |style, reason: String| Self {
            pinned: None,
            style,
            used: FormatterUsed {
                formatter: FormatterChoice::Embedded,
                name: EMBEDDED.into(),
                reason,
            },
        };
        if choice == FormatterChoice::Embedded {
            return Ok(embedded(style, "it was asked for".into()));
        }
        match Ruff::pinned(root, home, progress, cancel) {
            Ok(ruff) => {
                let asked = choice == FormatterChoice::Pinned;
                let reason = if asked { "it was asked for" } else { "this release pins it" };
                let used = FormatterUsed {
                    formatter: FormatterChoice::Pinned,
                    name: format!("ruff {}", ruff.version()),
                    reason: reason.into(),
                };
                Ok(Self { pinned: Some(ruff), style, used })
            }
            Err(err) if choice == FormatterChoice::Auto && !cancel.is_cancelled() => {
                let reason = match &err {
                    RuffError::NoPin { .. } => "nothing here pins a ruff".to_owned(),
                    other => other.to_string(),
                };
                if !matches!(err, RuffError::NoPin { .. }) {
                    let hint = err.hint().map(|it| format!(" ({it})")).unwrap_or_default();
                    let text = format!("{reason}: the embedded formatter is used{hint}");
                    progress.on(Event::Note { text: &text });
                }
                Ok(embedded(style, reason))
            }
            Err(err) => Err(err.into()),
        }
    }

    /// What the bytes that it gives depend on, besides the text.
    pub(super) fn identity(&self) -> String {
        format!("{}\n{}", self.used.name, self.style.to_toml())
    }

    /// Lays out each text. One that cannot be laid out does not keep the others from it.
    pub(super) fn tidy(
        &self,
        files: &[(PathBuf, String)],
    ) -> Result<Vec<Result<String, String>>, ToolError> {
        let Some(ruff) = &self.pinned else {
            let one = |(path, text): &(PathBuf, String)| {
                tidy(&self.style, path, text).map_err(|err| err.to_string())
            };
            return Ok(files.par_iter().map(one).collect());
        };
        match ruff.tidy(&self.style, files) {
            Ok(texts) => Ok(texts.into_iter().map(Ok).collect()),
            Err(RuffError::Syntax { .. }) if 1 < files.len() => {
                let singly = files.iter().map(|it| self.tidy(std::slice::from_ref(it)));
                Ok(singly.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            Err(err @ RuffError::Syntax { .. }) => Ok(vec![Err(err.to_string())]),
            Err(err) => Err(err.into()),
        }
    }
}
