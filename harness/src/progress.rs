//! How long work tells what it does: one trait, a closed set of events, a guard that cannot forget.

/// Hears about long work. Libraries report; only the command line and the server decide how to show it.
pub trait Progress: Send + Sync {
    fn on(&self, event: Event<'_>);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `total` is in the unit that `step` names ("bytes", "checks"); `None` when unknown.
    Started { step: &'a str, total: Option<u64> },
    /// Progress inside a started step.
    Advanced { step: &'a str, by: u64 },
    /// One sentence worth reading now: what will be downloaded, whom we wait for.
    Note { text: &'a str },
    /// Sent exactly once for every `Started`, whether the work succeeded, failed or was dropped.
    Finished { step: &'a str },
}

/// The listener that ignores everything.
impl Progress for () {
    fn on(&self, _: Event<'_>) {}
}

/// A step under way; dropping it sends [`Event::Finished`], so `?` cannot leave a bar hanging.
pub struct Step<'a> {
    progress: &'a dyn Progress,
    name: &'a str,
}

impl<'a> Step<'a> {
    pub fn start(progress: &'a dyn Progress, name: &'a str, total: impl Into<Option<u64>>) -> Self {
        progress.on(Event::Started { step: name, total: total.into() });
        Self { progress, name }
    }

    pub fn advance(&self, by: u64) {
        self.progress.on(Event::Advanced { step: self.name, by });
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.progress.on(Event::Finished { step: self.name });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Progress for Recorder {
        fn on(&self, event: Event<'_>) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }

    #[test]
    fn a_failing_step_still_finishes() {
        let log = Recorder::default();
        let load = |progress: &dyn Progress| -> Result<(), &str> {
            let _step = Step::start(progress, "tensors", 2);
            Err("truncated file")
        };
        assert!(load(&log).is_err());
        assert_eq!(log.0.lock().unwrap().last().unwrap(), r#"Finished { step: "tensors" }"#);
    }
}
