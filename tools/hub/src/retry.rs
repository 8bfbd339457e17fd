//! Which failures are tried again, and after how long.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::{error::HubError, settings::Limits};

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: HubError,
    pub(crate) again: Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same request gets the same answer.
    Never,
    /// It may go better soon.
    Later,
    /// The Hub says when.
    After(Duration),
}

impl From<HubError> for Failed {
    fn from(error: HubError) -> Self {
        Self { error, again: Again::Never }
    }
}

/// The attempts of one request.
pub(crate) struct Tries<'a> {
    limits: &'a Limits,
    failed: u32,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, failed: 0 }
    }

    /// Something arrived, so the line is not dead.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// How long to wait before the next attempt.
    ///
    /// # Errors
    ///
    /// The failure itself, where there is no next attempt.
    pub(crate) fn wait(&mut self, failed: Failed) -> Result<Duration, HubError> {
        self.failed += 1;
        let last = self.limits.attempts <= self.failed;
        match failed.again {
            Again::After(wait) if self.limits.longest_wait < wait => {
                Err(HubError::RateLimited { wait })
            }
            Again::After(wait) if !last => Ok(wait),
            Again::Later if !last => {
                let full = self.limits.first_wait * 2u32.saturating_pow(self.failed - 1);
                Ok(full.min(self.limits.longest_wait).mul_f64(between_half_and_one()))
            }
            _ => Err(failed.error),
        }
    }
}

/// So that clients that failed together do not come back together.
fn between_half_and_one() -> f64 {
    // The standard library seeds its hash tables from the system's randomness.
    0.5 + (RandomState::new().hash_one(()) >> 11) as f64 / (1u64 << 54) as f64
}

/// How long the Hub asks to wait: `Retry-After: 3`, or `RateLimit: "api";r=0;t=3` of the newer draft.
pub(crate) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let after = text(RETRY_AFTER.as_str()).and_then(|it| it.trim().parse().ok());
    let limit = || {
        let mut parts = text("ratelimit")?.split(';').map(str::trim);
        parts.find_map(|it| it.strip_prefix("t=")?.parse().ok())
    };
    after.or_else(limit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(again: Again) -> Failed {
        Failed { error: HubError::Cancelled, again }
    }

    #[test]
    fn waits_grow_and_end() {
        let limits = Limits { attempts: 3, ..Limits::default() };
        let mut tries = Tries::new(&limits);
        for most in [1, 2] {
            let wait = tries.wait(failed(Again::Later)).unwrap();
            let full = limits.first_wait * most;
            assert!(full / 2 <= wait && wait <= full, "{wait:?}");
        }
        assert!(tries.wait(failed(Again::Later)).is_err());
        tries.progressed();
        assert!(tries.wait(failed(Again::Later)).is_ok());
        assert!(tries.wait(failed(Again::Never)).is_err());
    }

    #[test]
    fn the_hub_says_how_long() {
        let header = |name: &'static str, value: &str| {
            asked_wait(
                &[(name, value)]
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect(),
            )
        };
        assert_eq!(header("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(header("ratelimit", "\"api\";r=0;t=12"), Some(Duration::from_secs(12)));
        assert_eq!(header("retry-after", "soon"), None);

        let limits = Limits::default();
        let week = Duration::from_hours(24 * 7);
        let err = Tries::new(&limits).wait(failed(Again::After(week))).unwrap_err();
        assert!(matches!(err, HubError::RateLimited { .. }));
    }
}
