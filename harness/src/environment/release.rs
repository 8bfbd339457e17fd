//! A release of transformers that the user names: `5.24`, its newest, or `5.24.0`, exactly that one.
//!
//! The package index says which version it is and what its files' hashes are; the wheel is fetched
//! alone and held to them ([`source`]).
//! What was resolved once is kept, so that the same name means the same release until somebody names a
//! later one, and needs no network.

use std::{fmt, fs, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    error::SetupError,
    home::Home,
    index::{Index, Wheel},
    lock::{self, requirements},
    settings::Settings,
    setup,
    source::{self, Fetch},
    supply::Supply,
};
use crate::{
    cancel::Cancel,
    progress::{Event, Progress, Step},
    rundir::write_whole,
};

/// The package whose releases are asked for.
pub(super) const PACKAGE: &str = "transformers";

/// How a user names a release.
///
/// Invariant: `MAJOR.MINOR`, or that with a third part that begins with a digit, as in `5.24.0` and
/// `5.24.0rc1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseName(String);

/// A text that names no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a release; write `5.24` (the newest 5.24.x) or `5.24.0`")]
pub struct NotRelease(String);

impl FromStr for ReleaseName {
    type Err = NotRelease;

    fn from_str(text: &str) -> Result<Self, NotRelease> {
        let number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        let patch = |it: &str| {
            it.starts_with(|it: char| it.is_ascii_digit())
                && it.bytes().all(|it| it.is_ascii_alphanumeric())
        };
        let is_release = match text.split('.').collect::<Vec<_>>()[..] {
            [major, minor] => number(major) && number(minor),
            [major, minor, last] => number(major) && number(minor) && patch(last),
            _ => false,
        };
        if is_release { Ok(Self(text.to_owned())) } else { Err(NotRelease(text.to_owned())) }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ReleaseName {
    /// Whether it means one version, now and for ever.
    fn is_exact(&self) -> bool {
        self.0.matches('.').count() == 2
    }

    /// Where the home keeps what the name was resolved to.
    fn file(&self, home: &Home) -> PathBuf {
        home.path().join(format!("release-{PACKAGE}-{}.json", self.0))
    }
}

/// A release that is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `5.24.0`
    pub version: String,
    /// The folder that holds the package.
    pub folder: PathBuf,
}

/// What a name was resolved to.
#[derive(Debug, Serialize, Deserialize)]
struct Resolved {
    /// The version with its hashes, as in a lock file.
    requirement: String,
    /// The day on which the index was asked.
    day: String,
}

/// The release of transformers that `name` means, fetched unless it is there. Says which version it is.
///
/// # Errors
///
/// [`SetupError::NoRelease`] where the index has none of that name,
/// [`SetupError::IndexUnreachable`] where it cannot be asked, [`SetupError::Hash`] where the wheel is not the one that the index names.
pub fn release(
    home: &Home,
    name: &ReleaseName,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Release, SetupError> {
    release_with(home, &Settings::from_environment(), name, progress, cancel)
}

fn release_with(
    home: &Home,
    settings: &Settings,
    name: &ReleaseName,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Release, SetupError> {
    home.create()?;
    // The pinned release is held to the lock file rather than to the index.
    if name.0 == lock::pinned(Supply::Transformers).version {
        let pinned = setup::ensure_with(home, settings, &[Supply::Transformers], progress, cancel)?;
        let folder = pinned.transformers()?.to_owned();
        return Ok(Release { version: name.0.clone(), folder });
    }
    if let Some(found) = kept(home, name, progress) {
        return Ok(found);
    }
    let _lock = home.lock(&format!("release-{PACKAGE}-{name}"), progress, cancel)?;
    // Another process may have resolved it while we waited.
    if let Some(found) = kept(home, name, progress) {
        return Ok(found);
    }
    let index = Index::at(&settings.index).map_err(|err| with_those_at_hand(err, home))?;
    let wheel = resolve(&index, settings, name, progress, cancel)
        .map_err(|err| with_those_at_hand(err, home))?;
    let pinned = lock::pinned(Supply::Transformers);
    let (text, promised_by) = match &wheel.sha256 {
        // The newest of its series may be the pinned one.
        _ if wheel.version == pinned.version => (pinned.text.to_owned(), "the lock file"),
        Some(sha256) => {
            let version = &wheel.version;
            (format!("{PACKAGE}=={version} \\\n    --hash=sha256:{sha256}\n"), "the index")
        }
        None => {
            let (asked, tail) = (format!("{PACKAGE} {name}"), wheel.name.clone());
            return Err(SetupError::NoHash { asked, tail });
        }
    };
    let requirement = requirements(&text)[0];
    let version = requirement.version;
    if !name.is_exact() {
        let text = format!("`{name}` is {PACKAGE} {version}, the newest of that series");
        progress.on(Event::Note { text: &text });
    }
    let folder = Fetch { home, index: &index, promised_by }
        .run(&requirement, || Ok(wheel), progress, cancel)
        .map_err(|err| with_those_at_hand(err, home))?;
    // Last, so that what a name was resolved to is there.
    let day = jiff::Zoned::now().date().to_string();
    let resolved = Resolved { requirement: text.clone(), day };
    let json = serde_json::to_vec_pretty(&resolved).expect("strings always serialise");
    let file = name.file(home);
    write_whole(&file, &json).map_err(SetupError::io("write", &file))?;
    Ok(Release { version: version.to_owned(), folder })
}

/// The release as an earlier use left it.
fn kept(home: &Home, name: &ReleaseName, progress: &dyn Progress) -> Option<Release> {
    let read: Option<Resolved> =
        fs::read(name.file(home)).ok().and_then(|it| serde_json::from_slice(&it).ok());
    if let Some(resolved) = read {
        let requirement = requirements(&resolved.requirement).into_iter().next()?;
        let folder = source::find(home, &requirement)?;
        if !name.is_exact() {
            let text = format!(
                "`{name}` is {PACKAGE} {version}, the newest of that series on {day}; name a later one \
                 exactly to take that",
                version = requirement.version,
                day = resolved.day,
            );
            progress.on(Event::Note { text: &text });
        }
        return Some(Release { version: requirement.version.to_owned(), folder });
    }
    // An exact version may have been fetched under the name of its series.
    let mut all = source::all(home).into_iter();
    let (folder, found) = all.find(|(_, it)| it.name == PACKAGE && it.version == name.0)?;
    Some(Release { version: found.version, folder })
}

/// Asks the index which version is meant.
fn resolve(
    index: &Index<'_>,
    settings: &Settings,
    name: &ReleaseName,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Wheel, SetupError> {
    let step = format!("asking for {PACKAGE} {name}");
    let _step = Step::start(progress, &step, None);
    let page = index.page(PACKAGE, cancel)?;
    let found = if name.is_exact() { page.wheel(&name.0) } else { page.newest(&name.0) };
    let Some(wheel) = found else {
        let (count, last) = page.range();
        let last = last.map_or(String::new(), |it| format!(", up to {it}"));
        let (shown, from) = (settings.index.shown(), settings.index.from());
        let tail = format!("{shown} ({from}) has {count} releases of it{last}");
        return Err(SetupError::NoRelease { asked: format!("{PACKAGE} {name}"), tail });
    };
    if let Some(reason) = &wheel.yanked {
        let version = &wheel.version;
        let text = format!("{PACKAGE} {version} was taken back by its authors: {reason}");
        progress.on(Event::Note { text: &text });
    }
    Ok(wheel.clone())
}

/// Without an index, what is kept already is the next best thing.
fn with_those_at_hand(err: SetupError, home: &Home) -> SetupError {
    let kept: Vec<String> = source::all(home)
        .into_iter()
        .filter(|(_, it)| it.name == PACKAGE)
        .map(|(_, it)| it.version)
        .collect();
    if kept.is_empty() {
        return err;
    }
    let more = format!("\nreleases of {PACKAGE} that need no network: {}", kept.join(", "));
    match err {
        SetupError::IndexUnreachable { index, from, detail } => {
            SetupError::IndexUnreachable { index, from, detail: detail + &more }
        }
        SetupError::IndexAnswer { index, from, detail } => {
            SetupError::IndexAnswer { index, from, detail: detail + &more }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
