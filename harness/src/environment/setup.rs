//! Sets up what a command needs, once, whoever asks and however many at a time.

use std::path::PathBuf;

use super::{
    complete::{self, Complete, Engines},
    error::SetupError,
    home::Home,
    index::Index,
    install::{Build, folder_name},
    lock,
    pinned::Pinned,
    plan,
    python::{self, Interpreter},
    settings::Settings,
    sizes::platform,
    source::{self, Fetch},
    supply::Supply,
    uv::{self, Uv},
    workers,
};
use crate::{
    cancel::Cancel,
    progress::{Event, Progress},
};

/// What `needs` name, set up if it is not there: downloads only then, after saying how much. An
/// environment with more than is needed serves as well.
///
/// Safe to call from several processes at once: one builds, the others wait for it. When `cancel`
/// is set the installer is killed and what it built is removed; what was downloaded is kept.
///
/// # Errors
///
/// Every [`SetupError`] has a hint. After one, nothing is left that a later call could take for
/// finished.
pub fn ensure(
    home: &Home,
    needs: &[Supply],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Pinned, SetupError> {
    ensure_with(home, &Settings::from_environment(), needs, progress, cancel)
}

/// What `needs` name where all of it is set up already; nothing is downloaded or built.
pub fn installed(home: &Home, needs: &[Supply]) -> Option<Pinned> {
    let found = Found::look(home, &Settings::from_environment(), needs);
    if found.missing.is_empty() { found.pinned(home).ok() } else { None }
}

pub(super) fn ensure_with(
    home: &Home,
    settings: &Settings,
    needs: &[Supply],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Pinned, SetupError> {
    home.create()?;
    let found = Found::look(home, settings, needs);
    let missing = found.missing.clone();
    let mut pinned = found.pinned(home)?;
    if missing.is_empty() {
        return Ok(pinned);
    }
    let engines = Supply::engines(&missing);
    if !engines.is_empty() && super::sizes::SIZES.engines(&platform()).is_none() {
        return Err(SetupError::Platform { platform: platform() });
    }
    let making = Making { home, settings, progress, cancel };
    if !engines.is_empty() {
        let built = Pinned::from(making.engines(&engines)?);
        pinned = Pinned {
            transformers: built.transformers.or(pinned.transformers),
            mlx_lm: built.mlx_lm.or(pinned.mlx_lm),
            engines: built.engines,
        };
    }
    making.sources(&missing, pinned)
}

/// What is there of some needs, and what is not.
pub(super) struct Found {
    environment: Option<(PathBuf, Complete)>,
    sources: Vec<(Supply, PathBuf)>,
    pub(super) missing: Vec<Supply>,
}

impl Found {
    /// Looks, and changes nothing.
    pub(super) fn look(home: &Home, settings: &Settings, needs: &[Supply]) -> Self {
        let engines = Supply::engines(needs);
        let environment =
            if engines.is_empty() { None } else { complete::find(home, settings, &engines) };
        let mut missing = if environment.is_some() { Vec::new() } else { engines };
        let mut sources = Vec::new();
        for source in Supply::sources(needs) {
            if environment.as_ref().is_some_and(|(_, it)| it.serves(source)) {
                continue;
            }
            let elsewhere = || {
                let (folder, complete) = complete::find(home, settings, &[source])?;
                Some(complete::site_packages(&folder, &complete.python_version))
            };
            match source::find(home, &lock::pinned(source)).or_else(elsewhere) {
                Some(folder) => sources.push((source, folder)),
                None => missing.push(source),
            }
        }
        Self { environment, sources, missing }
    }

    fn pinned(self, home: &Home) -> Result<Pinned, SetupError> {
        let mut pinned = match self.environment {
            Some((folder, complete)) => {
                complete.engines(&folder, workers::materialise(home)?).into()
            }
            None => Pinned::default(),
        };
        self.sources.into_iter().for_each(|(source, folder)| pinned.set_source(source, folder));
        Ok(pinned)
    }
}

/// What setting up takes.
struct Making<'a> {
    home: &'a Home,
    settings: &'a Settings,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl Making<'_> {
    /// The environment of `engines`, built unless another process did meanwhile.
    fn engines(&self, engines: &[Supply]) -> Result<Engines, SetupError> {
        let Self { home, settings, progress, cancel } = *self;
        let python = &python::find(settings, cancel)?;
        let name = folder_name(engines, settings, python);
        let _lock = home.lock(&name, progress, cancel)?;
        // Another process may have built it while we waited; or `PORTWRIGHT_PYTHON` is a launcher,
        // which only an answer tells.
        let folder = home.path().join(&name);
        if let Some(complete) = complete::in_folder(&folder, settings, engines) {
            return Ok(complete.engines(&folder, workers::materialise(home)?));
        }
        let uv = self.announced(engines, python)?;
        let build = Build { home, folder: &folder, settings, engines, python, uv: &uv };
        let complete = build.run(progress, cancel)?;
        Ok(complete.engines(&folder, workers::materialise(home)?))
    }

    /// Adds those sources of `missing` that `pinned` has not got from an engine's environment.
    fn sources(&self, missing: &[Supply], mut pinned: Pinned) -> Result<Pinned, SetupError> {
        let Self { home, settings, progress, cancel } = *self;
        let mut sources = Supply::sources(missing);
        sources.retain(|it| !pinned.has_source(*it));
        if sources.is_empty() {
            return Ok(pinned);
        }
        // One lock over all, so that who waits for it announces nothing that is there by then.
        let _lock = home.lock("sources", progress, cancel)?;
        sources.retain(|it| match source::find(home, &lock::pinned(*it)) {
            Some(folder) => {
                pinned.set_source(*it, folder);
                false
            }
            None => true,
        });
        if sources.is_empty() {
            return Ok(pinned);
        }
        announce(&plan::of(home, settings, &sources, None, None)?, progress)?;
        let index = Index::at(&settings.index)?;
        let fetch = Fetch { home, index: &index, promised_by: "the lock file" };
        for source in sources {
            let locked = lock::pinned(source);
            let wheel = || index.locked(&locked, cancel);
            pinned.set_source(source, fetch.run(&locked, wheel, progress, cancel)?);
        }
        Ok(pinned)
    }

    /// The installer, after what it is going to do was said.
    fn announced(&self, needs: &[Supply], python: &Interpreter) -> Result<Uv, SetupError> {
        let Self { home, settings, progress, cancel } = *self;
        let found = uv::find(home, settings);
        announce(&plan::of(home, settings, needs, found.as_ref(), Some(python))?, progress)?;
        match found {
            Some(uv) => Ok(uv),
            None => uv::ensure(home, settings, python, progress, cancel),
        }
    }
}

/// Says what will happen, and stops before it does when the disk is too small.
fn announce(plan: &plan::Plan, progress: &dyn Progress) -> Result<(), SetupError> {
    for text in plan.sentences() {
        progress.on(Event::Note { text: &text });
    }
    // From uv's cache packages are linked, not copied, where cache and home share a disk.
    match plan.free_bytes {
        Some(free) if free < plan.disk_bytes && !plan.cached => {
            Err(SetupError::DiskSpace { path: plan.home.clone(), free, needed: plan.disk_bytes })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
