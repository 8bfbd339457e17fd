//! The package index, asked by ourselves for the wheels of sources: no Python, no pip and no uv.
//!
//! # Where to start
//!
//! [`Index`] answers which files of a package there are ([`Index::page`], read by `page.rs`) and fetches
//! one of them (`wheel.rs`); `unpack.rs` puts its files into a folder. `place.rs` says which index that
//! is, by the variables and files that steer pip and uv; only `http.rs` makes requests.
//!
//! # Invariants
//!
//! - A wheel is unpacked only when its SHA-256 is one of those that were promised for it.
//! - Every error names the index and what chose it, and no password that stands in its address.

mod http;
mod page;
mod place;
#[cfg(test)]
mod tests;
mod unpack;
mod wheel;

use std::{collections::BTreeSet, time::Duration};

use self::http::{Failed, Http};
pub(super) use self::{
    page::{Page, Wheel},
    place::{Place, VARIABLES},
    unpack::unpack,
    wheel::Promised,
};
use super::{error::SetupError, lock::Requirement};
use crate::cancel::Cancel;

/// The package that is asked for where it only matters that somebody answers.
const ANY: &str = "mlx-lm";

/// An index, and the line to it.
pub(super) struct Index<'a> {
    place: &'a Place,
    http: Http,
}

impl<'a> Index<'a> {
    /// Asks nobody anything yet.
    pub(super) fn at(place: &'a Place) -> Result<Self, SetupError> {
        if place.offline {
            return Err(place.unreachable("UV_OFFLINE is set, so it was not asked"));
        }
        let http = Http::new().map_err(|detail| place.unreachable(&detail))?;
        Ok(Self { place, http })
    }

    /// The files of a package, as the index lists them.
    pub(super) fn page(&self, package: &str, cancel: &Cancel) -> Result<Page, SetupError> {
        let url = self.place.page(package)?;
        let answer = self.http.page(&url, cancel).map_err(|err| self.failed(err, package))?;
        Page::read(package, &answer).map_err(|detail| self.place.wrong(&detail))
    }

    /// The wheel of a locked package: by version, and one of those that the lock promises.
    pub(super) fn locked(
        &self,
        requirement: &Requirement<'_>,
        cancel: &Cancel,
    ) -> Result<Wheel, SetupError> {
        let page = self.page(requirement.name, cancel)?;
        let Requirement { name, version, .. } = *requirement;
        let Some(wheel) = page.wheel(version) else {
            let detail = format!("it has no wheel `py3-none-any` of {name} {version}");
            return Err(self.place.wrong(&detail));
        };
        let promised: BTreeSet<&str> = requirement.hashes();
        match &wheel.sha256 {
            Some(stated) if !promised.contains(stated.as_str()) => Err(SetupError::Hash {
                tail: format!(
                    "{} at {}: the index states sha256 {stated}, the lock file promises {}",
                    wheel.name,
                    self.place.shown(),
                    promised.into_iter().collect::<Vec<_>>().join(" or "),
                ),
            }),
            _ => Ok(wheel.clone()),
        }
    }

    /// Whether the index answers at all within `patience`.
    pub(super) fn answers(&self, patience: Duration) -> Result<(), SetupError> {
        let url = self.place.page(ANY)?;
        self.http.answers(&url, patience).map_err(|err| self.failed(err, ANY))
    }

    fn failed(&self, failed: Failed, what: &str) -> SetupError {
        match failed {
            Failed::Cancelled => SetupError::Cancelled,
            Failed::Disk(err) => *err,
            Failed::Unreachable(detail) => self.place.unreachable(&format!("{what}: {detail}")),
            Failed::Status(404) => self.place.wrong(&format!("it answers 404 to `{what}`")),
            Failed::Status(status @ (401 | 403)) => self.place.wrong(&format!(
                "it answers {status} to `{what}`: it asks for a name and a password, or for others"
            )),
            Failed::Status(status) => self.place.wrong(&format!("it answers {status} to `{what}`")),
            Failed::Answer(detail) => self.place.wrong(&format!("{what}: {detail}")),
        }
    }
}
