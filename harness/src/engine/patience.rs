//! How long a request has taken, as far as that is the worker's doing.

use std::time::{Duration, Instant};

/// What a deadline counts: seconds in which a worker computes, and those in which it neither computes nor
/// waits for a core. A machine that is busy with other things costs nothing.
pub(super) struct Patience {
    spent: Duration,
    /// When it was last heard of, and how many seconds it had computed by then.
    heard: (Instant, Option<f64>),
}

/// A worker that gets less of a core than this does nothing.
const IDLE: f64 = 0.02;

impl Patience {
    pub(super) fn begin() -> Self {
        Self { spent: Duration::ZERO, heard: (Instant::now(), None) }
    }

    pub(super) fn heard(&mut self, computed: f64) {
        let passed = self.heard.0.elapsed();
        self.spent += match self.heard.1 {
            // More than the clock says is several cores.
            Some(before) if IDLE * passed.as_secs_f64() <= computed - before => {
                Duration::try_from_secs_f64(computed - before).unwrap_or(passed).min(passed)
            }
            _ => passed,
        };
        self.heard = (Instant::now(), Some(computed));
    }

    pub(super) fn spent(&self) -> Duration {
        self.spent + self.heard.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deadline is for work: what a worker that shares its core has not had is not counted.
    #[test]
    fn a_worker_that_waits_for_a_core_is_not_late_and_one_that_hangs_is() {
        let ago = |seconds| Instant::now() - Duration::from_secs(seconds);
        let spent = |computed: f64| {
            let mut patience = Patience { spent: Duration::ZERO, heard: (ago(100), Some(7.0)) };
            patience.heard(7.0 + computed);
            patience.spent().as_secs()
        };
        assert_eq!(spent(30.0), 30);
        assert_eq!(spent(100.0), 100);
        assert_eq!(spent(180.0), 100, "two cores");
        assert_eq!(spent(0.5), 100, "it sleeps");
        let silent = Patience { spent: Duration::ZERO, heard: (ago(100), None) };
        assert_eq!(silent.spent().as_secs(), 100);
    }
}
