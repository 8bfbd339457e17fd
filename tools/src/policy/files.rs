//! The files that rules were read from, held to the checkout of today.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use portwright_harness::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{error::PolicyError, history::changed_after, table::Table};
use crate::target_path::TargetPath;

/// Where projects keep what they ask of contributors: folders, and names in them without their case.
const GUIDANCE: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "agents.md",
            "claude.md",
            "gemini.md",
            "contributing.md",
            "ai_policy.md",
            "pull_request_template.md",
        ],
    ),
    (".github", &["contributing.md", "copilot-instructions.md", "pull_request_template.md"]),
    (".github/pull_request_template", &[]),
    ("docs", &["contributing.md", "pull_request_template.md"]),
];

/// A longer file is no guide for contributors.
const LONGEST: u64 = 1024 * 1024;

/// A file of the target, and whether it still is what its rules were read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyFile {
    pub file: String,
    /// The day on which rules were read from it; absent where none were.
    pub read: Option<String>,
    pub standing: Standing,
}

/// What became of a file since its rules were written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Unchanged,
    Changed,
    /// It is there no more.
    Vanished,
    /// It is there, and no rule was read from it.
    Unread,
    /// No checkout was given; or no digest of it is known, and the checkout's history has no later change.
    NotCompared,
}

impl PolicyFile {
    /// What a person has to know about it; `None` where nothing is amiss.
    pub(super) fn warning(&self, compared: bool) -> Option<String> {
        let (file, read) = (&self.file, self.read.as_deref().unwrap_or("never"));
        match self.standing {
            Standing::Changed => Some(format!(
                "`{file}` is not what it was when its rules were read ({read}): they may be out of date; a person reads it"
            )),
            Standing::Vanished => Some(format!(
                "`{file}`, from which rules were read ({read}), is not in the checkout: they may be out of date; a person looks for what took its place"
            )),
            Standing::Unread => Some(format!(
                "`{file}` is in the checkout and no rule was read from it: a person reads it"
            )),
            Standing::NotCompared if compared => Some(format!(
                "`{file}` was not compared, as no digest of it is known, and the checkout's history shows no change after {read}: whether its rules are those of today cannot be told; a person reads it"
            )),
            Standing::NotCompared | Standing::Unchanged => None,
        }
    }
}

/// Every file of the table, and what else the checkout has to say to contributors.
pub(super) fn compare(
    table: &Table,
    checkout: Option<&Path>,
) -> Result<Vec<PolicyFile>, PolicyError> {
    let Some(root) = checkout else {
        return Ok(table
            .source
            .iter()
            .map(|it| PolicyFile {
                file: it.file.to_string(),
                read: Some(it.read.clone()),
                standing: Standing::NotCompared,
            })
            .collect());
    };
    if !table.marker.below(root).exists() {
        return Err(PolicyError::OtherCheckout {
            path: root.to_owned(),
            target: table.target.clone(),
            marker: table.marker.to_string(),
        });
    }
    let mut files = Vec::new();
    let mut known = Vec::new();
    for source in &table.source {
        let found = digest_of(&source.file.below(root))?;
        let standing = match (&source.sha256, &found) {
            (_, None) => Standing::Vanished,
            (None, Some(_)) if changed_after(root, &source.file, &source.read) => Standing::Changed,
            (None, Some(_)) => Standing::NotCompared,
            (Some(then), Some(now)) if then == now => Standing::Unchanged,
            (Some(_), Some(_)) => Standing::Changed,
        };
        known.extend(found);
        let read = Some(source.read.clone());
        files.push(PolicyFile { file: source.file.to_string(), read, standing });
    }
    for file in guidance(root)? {
        let listed = files.iter().any(|it| it.file == file.as_str());
        // The same text under another name, e.g. CLAUDE.md beside AGENTS.md, is read already.
        let digest = digest_of(&file.below(root))?;
        if !listed && digest.is_none_or(|it| !known.contains(&it)) {
            let file = file.to_string();
            files.push(PolicyFile { file, read: None, standing: Standing::Unread });
        }
    }
    Ok(files)
}

/// Of the text with Unix line ends, as checkouts of one commit differ in them.
fn digest_of(path: &Path) -> Result<Option<String>, PolicyError> {
    let failed = |source: io::Error| PolicyError::Read { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() <= LONGEST => {}
        Ok(found) if found.is_file() => {
            return Err(failed(io::Error::other(format!("it is longer than {LONGEST} bytes"))));
        }
        Ok(_) => return Ok(None),
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(failed(err)),
    }
    let text = fs::read(path).map_err(failed)?;
    let unix: Vec<u8> = match str::from_utf8(&text) {
        Ok(text) => text.replace("\r\n", "\n").into_bytes(),
        Err(_) => text,
    };
    Ok(Some(digest::of_bytes(&unix)))
}

fn guidance(root: &Path) -> Result<Vec<TargetPath>, PolicyError> {
    let mut found = Vec::new();
    let mut folders: Vec<(String, &[&str])> = Vec::new();
    for (folder, names) in GUIDANCE {
        folders.extend(spelled(root, folder)?.into_iter().map(|it| (it, *names)));
    }
    for (folder, names) in folders {
        for name in listed(&root.join(&folder))? {
            let lower = name.to_lowercase();
            let is_template =
                names.is_empty() && Path::new(&lower).extension() == Some("md".as_ref());
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if (is_template || names.contains(&lower.as_str())) && root.join(&path).is_file() {
                found.extend(TargetPath::new(path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folder as the checkout spells it; GitHub reads `PULL_REQUEST_TEMPLATE` in either case.
fn spelled(root: &Path, folder: &str) -> Result<Vec<String>, PolicyError> {
    let Some((above, name)) = folder.rsplit_once('/') else { return Ok(vec![folder.to_owned()]) };
    let names = listed(&root.join(above))?;
    let same = names.into_iter().filter(|it| it.to_lowercase() == name);
    Ok(same.map(|it| format!("{above}/{it}")).collect())
}

/// Names in a folder, sorted; none where there is no folder.
fn listed(folder: &Path) -> Result<Vec<String>, PolicyError> {
    let failed = |source| PolicyError::Read { path: PathBuf::from(folder), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err)
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(Vec::new());
        }
        Err(err) => return Err(failed(err)),
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is no UTF-8 is none of those looked for.
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}
