//! The Hub as the capabilities see it: their progress and their cancellation, carried to its room.

use portwright_harness::{
    cancel::Cancel,
    progress::{self, Progress},
};
use portwright_hub::{Event, Watch};

/// Ask the Hub something that tells `progress` what it does and stops when `cancel` says so.
pub(crate) fn watched<T>(
    progress: &dyn Progress,
    cancel: &Cancel,
    ask: impl FnOnce(Watch<'_>) -> T,
) -> T {
    let on = |event: Event<'_>| {
        progress.on(match event {
            Event::Started { step, total } => progress::Event::Started { step, total },
            Event::Advanced { step, by } => progress::Event::Advanced { step, by },
            Event::Note { text } => progress::Event::Note { text },
            Event::Finished { step } => progress::Event::Finished { step },
        });
    };
    ask(Watch { on: &on, cancelled: &|| cancel.is_cancelled() })
}
