//! A pair of engines that many subjects are asked of, one after the other.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use portwright_targets as targets;
use serde_json::json;

use crate::{
    cancel::Cancel,
    engine::{About, Catalogue, EngineError, EngineKind, Host, Launch, Pair, Sources, Worker},
    kept::{Files, Packages},
};

/// One pair of engines, started once and used for many subjects.
pub struct Lane {
    launch: Launch,
    sources: Sources,
    deadline: Duration,
    pair: Pair,
    pub(super) reference: Worker,
    pub(super) port: Worker,
    pub(super) cancel: Cancel,
    /// The sources that the answers rest on, while somebody wants to know.
    files: Option<Files>,
}

impl Lane {
    /// Start both engines; their imports run side by side.
    pub fn start(
        launch: &Launch,
        pair: Pair,
        sources: &Sources,
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<Self, EngineError> {
        let spawn = |kind| Worker::spawn(kind, launch, sources, deadline, cancel.clone());
        let (reference, port) = (spawn(pair.reference())?, spawn(pair.judged())?);
        Ok(Self {
            launch: launch.clone(),
            sources: sources.clone(),
            deadline,
            cancel: cancel.clone(),
            pair,
            reference,
            port,
            files: None,
        })
    }

    /// What each engine says of itself; waits for the imports.
    pub fn about(&mut self) -> Result<BTreeMap<EngineKind, About>, EngineError> {
        let reference = self.reference.ready()?.clone();
        let port = self.port.ready()?.clone();
        Ok([(self.pair.reference(), reference), (self.pair.judged(), port)].into())
    }

    /// Where each engine's package was imported from.
    pub fn packages(&mut self) -> Result<Packages, EngineError> {
        let about = self.about()?;
        Ok(about
            .into_iter()
            .filter_map(|(engine, about)| {
                Some((engine.row().package.to_owned(), about.paths.into_values().next()?))
            })
            .collect())
    }

    /// What `make` gives, and the sources that every answer it was given rests on.
    ///
    /// # Errors
    ///
    /// What `make` fails with.
    pub fn noting_files<T, E>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<(T, Files), E> {
        self.files = Some(Files::default());
        let made = make(self);
        let files = self.files.take().unwrap_or_default();
        Ok((made?, files))
    }

    /// Whether the sources of an answer are to be noted.
    pub(crate) fn notes_files(&self) -> bool {
        self.files.is_some()
    }

    /// An answer rests on these.
    pub(crate) fn note(&mut self, files: Files) {
        if let Some(noted) = &mut self.files {
            noted.extend(files);
        }
    }

    /// Which engine has which role.
    pub fn pair(&self) -> Pair {
        self.pair
    }

    /// Replace engines whose process is gone, so that one death costs one subject.
    pub fn revive(&mut self) -> Result<(), EngineError> {
        for (kind, worker) in
            [(self.pair.reference(), &mut self.reference), (self.pair.judged(), &mut self.port)]
        {
            if !worker.is_alive() {
                *worker = Worker::spawn(
                    kind,
                    &self.launch,
                    &self.sources,
                    self.deadline,
                    self.cancel.clone(),
                )?;
            }
        }
        Ok(())
    }

    /// Run another copy of the port from now on; `None` goes back to the first.
    pub fn set_port(&mut self, port: Option<&Path>) -> Result<(), EngineError> {
        let mut sources = self.sources.clone();
        if let Some(path) = port {
            sources.port = Some(path.to_owned());
        }
        self.port = Worker::spawn(
            self.pair.judged(),
            &self.launch,
            &sources,
            self.deadline,
            self.cancel.clone(),
        )?;
        Ok(())
    }

    /// The folder of the target's package that the port comes from.
    pub fn port_package(&mut self) -> Result<PathBuf, EngineError> {
        let engine = self.pair.judged();
        let name = engine.row().package;
        if let Some(path) = &self.sources.port {
            let about = targets::of_package(name).map(|it| it.1);
            let folders = about.map(|it| (it, it.folders(path)));
            let found = folders.and_then(|(about, folders)| {
                folders.into_iter().find(|it| it.join(&about.models).is_dir())
            });
            if let Some(folder) = found {
                return Ok(folder);
            }
        }
        match engine.row().host {
            Host::Native => Ok(self.launch.native(engine)?.site_packages.join(name)),
            Host::Embedded => self.launch.package(engine, &self.sources),
        }
    }

    /// Every model type that both sides have, sorted.
    pub fn common_types(&mut self) -> Result<Vec<String>, EngineError> {
        let definitions: Catalogue = self.reference.session()?.call("catalogue", json!({}))?;
        let ports: Catalogue = self.port.session()?.call("catalogue", json!({}))?;
        Ok(definitions.served_by(&ports))
    }

    /// Both workers, for tests that end them.
    pub fn workers(&mut self) -> [&mut Worker; 2] {
        [&mut self.reference, &mut self.port]
    }
}
