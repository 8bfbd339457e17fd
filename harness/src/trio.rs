//! Three engines that are asked the same: a library on its own host, and the embedded runtime in its
//! ordinary and in its exact mode.

use std::time::Duration;

use crate::{
    cancel::Cancel,
    engine::{About, EngineError, EngineKind, Launch, Sources, Worker},
    kept::Packages,
};

/// The engines of one lane of a sweep.
pub(crate) struct Trio<'a> {
    launch: &'a Launch,
    sources: &'a Sources,
    deadline: Duration,
    cancel: &'a Cancel,
    /// The library's own, and the embedded one.
    kinds: [EngineKind; 2],
    pub(crate) library: Worker,
    pub(crate) native: Worker,
    pub(crate) exact: Worker,
}

impl<'a> Trio<'a> {
    pub(crate) fn start(
        kinds: [EngineKind; 2],
        launch: &'a Launch,
        sources: &'a Sources,
        deadline: Duration,
        cancel: &'a Cancel,
    ) -> Result<Self, EngineError> {
        let [library, embedded] = kinds;
        let spawn = |kind, exact| spawn(launch, sources, deadline, cancel, kind, exact);
        let (library, native, exact) =
            (spawn(library, false)?, spawn(embedded, false)?, spawn(embedded, true)?);
        Ok(Self { launch, sources, deadline, cancel, kinds, library, native, exact })
    }

    /// What the two libraries say of themselves; waits for their imports.
    pub(crate) fn abouts(&mut self) -> Result<[About; 2], EngineError> {
        Ok([self.library.ready()?.clone(), self.native.ready()?.clone()])
    }

    /// Where each engine's package was imported from.
    pub(crate) fn packages(&mut self) -> Result<Packages, EngineError> {
        let mut packages = Packages::new();
        for (engine, about) in self.kinds.into_iter().zip(self.abouts()?) {
            let paths = about.paths.into_values();
            packages.extend(paths.map(|it| (engine.row().package.to_owned(), it)));
        }
        Ok(packages)
    }

    /// Replaces workers whose process is gone.
    ///
    /// # Errors
    ///
    /// When one cannot be started, or when cancelled.
    pub(crate) fn revive(&mut self) -> Result<(), EngineError> {
        if self.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let [library, embedded] = self.kinds;
        let sides = [
            (&mut self.library, library, false),
            (&mut self.native, embedded, false),
            (&mut self.exact, embedded, true),
        ];
        for (worker, kind, exact) in sides {
            if !worker.is_alive() {
                let (launch, sources, cancel) = (self.launch, self.sources, self.cancel);
                *worker = spawn(launch, sources, self.deadline, cancel, kind, exact)?;
            }
        }
        Ok(())
    }
}

fn spawn(
    launch: &Launch,
    sources: &Sources,
    deadline: Duration,
    cancel: &Cancel,
    kind: EngineKind,
    exact: bool,
) -> Result<Worker, EngineError> {
    let mut launch = launch.clone();
    launch.embedded.exact = exact;
    Worker::spawn(kind, &launch, sources, deadline, cancel.clone())
}
