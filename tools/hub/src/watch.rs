//! How a caller hears about long work and stops it.

use std::time::Duration;

use crate::error::HubError;

/// How often a running request looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(50);

/// What happens, in the order it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `total` is in bytes for files, in models for details; `None` when unknown.
    Started { step: &'a str, total: Option<u64> },
    /// Progress inside a started step.
    Advanced { step: &'a str, by: u64 },
    /// One sentence worth reading now: why we wait.
    Note { text: &'a str },
    /// Sent once for every `Started`, whatever came of it.
    Finished { step: &'a str },
}

/// The two ends of a caller: who hears what happens, and whether it is still wanted.
///
/// Both are called on the thread that called the [`Hub`](crate::Hub).
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    pub on: &'a dyn Fn(Event<'_>),
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Watch<'static> {
    /// Hears nothing and never stops.
    pub const SILENT: Self = Self { on: &|_| (), cancelled: &|| false };
}

impl Watch<'_> {
    pub(crate) fn note(&self, text: &str) {
        (self.on)(Event::Note { text });
    }

    /// `work`, unless the caller stops it or it takes longer than `limit`.
    pub(crate) async fn over<T>(
        &self,
        limit: Option<Duration>,
        work: impl Future<Output = Result<T, HubError>>,
    ) -> Result<T, HubError> {
        let stopped = async {
            while !(self.cancelled)() {
                tokio::time::sleep(GLANCE).await;
            }
        };
        let late = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stopped => Err(HubError::Cancelled),
            done = work => done,
            () = late => Err(HubError::TooLong { limit: limit.unwrap_or_default() }),
        }
    }
}

/// A step under way; dropping it says that it is over.
pub(crate) struct Step<'a> {
    watch: Watch<'a>,
    name: &'a str,
}

impl<'a> Step<'a> {
    pub(crate) fn start(watch: Watch<'a>, name: &'a str, total: u64) -> Self {
        (watch.on)(Event::Started { step: name, total: Some(total) });
        Self { watch, name }
    }

    pub(crate) fn advance(&self, by: u64) {
        (self.watch.on)(Event::Advanced { step: self.name, by });
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        (self.watch.on)(Event::Finished { step: self.name });
    }
}
