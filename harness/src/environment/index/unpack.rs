//! The files of a wheel, put into a folder: those of the package and its `dist-info`, as plain files
//! below that folder. A wheel that holds anything else that could reach out of it is refused whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path},
};

use zip::{ZipArchive, result::ZipError};

use super::super::error::SetupError;
use crate::{
    cancel::Cancel,
    progress::{Event, Progress, Step},
};

/// Bytes of all files: ten times what transformers has.
const MOST_BYTES: u64 = 600 << 20;

/// The most files: ten times what transformers has.
const MOST_FILES: usize = 60_000;

/// Unpacks `wheel`, of the package `module` as Python imports it, into `target`.
pub(in crate::environment) fn unpack(
    wheel: &Path,
    module: &str,
    target: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), SetupError> {
    unpack_within(MOST_BYTES, (wheel, module), target, progress, cancel)
}

pub(super) fn unpack_within(
    most: u64,
    (wheel, module): (&Path, &str),
    target: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), SetupError> {
    let damaged = |detail: String| SetupError::Damaged { tail: format!("`{module}`: {detail}") };
    let broken = |err: ZipError| match err {
        ZipError::Io(err) if err.raw_os_error().is_some() => SetupError::io("read", wheel)(err),
        other => damaged(other.to_string()),
    };
    let file = File::open(wheel).map_err(SetupError::io("read", wheel))?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    if MOST_FILES < archive.len() {
        return Err(damaged(format!("it has {} files, more than {MOST_FILES}", archive.len())));
    }
    let step = format!("unpacking {module}");
    let step = Step::start(progress, &step, archive.len() as u64);
    let (mut left, mut aside) = (most, BTreeMap::<String, usize>::new());
    for idx in 0..archive.len() {
        if cancel.is_cancelled() {
            return Err(SetupError::Cancelled);
        }
        let entry = archive.by_index(idx).map_err(broken)?;
        step.advance(1);
        let name = entry.name().map_err(broken)?.into_owned();
        let path = Path::new(&name);
        // Told by the name as it stands, so that nothing that leads outside is made to fit.
        let stays = path.components().all(|it| matches!(it, Component::Normal(_)));
        if !stays || name.contains(['\\', '\0']) {
            return Err(damaged(format!("`{}` leads out of its folder", name.escape_debug())));
        }
        if entry.is_symlink() {
            return Err(damaged(format!("`{name}` is a link")));
        }
        if entry.is_dir() {
            continue;
        }
        let top = name.split('/').next().unwrap_or_default();
        let info = top.strip_suffix(".dist-info").and_then(|it| it.split('-').next());
        if top != module && info != Some(module) {
            *aside.entry(top.to_owned()).or_default() += 1;
            continue;
        }
        let into = target.join(path);
        let parent = into.parent().unwrap_or(target);
        fs::create_dir_all(parent).map_err(SetupError::io("create", parent))?;
        let mut out = File::create_new(&into).map_err(|err| match err.kind() {
            io::ErrorKind::AlreadyExists => damaged(format!("`{name}` is in it twice")),
            _ => SetupError::io("write", &into)(err),
        })?;
        // One byte more than may come says that there is more; what is stated is not trusted.
        let mut bounded = entry.take(left + 1);
        let written = io::copy(&mut bounded, &mut out).map_err(|err| {
            // The disk's errors have a number; those of the archive have none.
            match err.raw_os_error() {
                Some(_) => SetupError::io("write", &into)(err),
                None => damaged(format!("`{name}`: {err}")),
            }
        })?;
        left = left
            .checked_sub(written)
            .ok_or_else(|| damaged(format!("its files have more than {} MiB", most >> 20)))?;
    }
    if !aside.is_empty() {
        let told: Vec<String> = aside.iter().map(|(top, it)| format!("{top} ({it})")).collect();
        let text = format!("files of the wheel beside `{module}`, left out: {}", told.join(", "));
        progress.on(Event::Note { text: &text });
    }
    Ok(())
}
