//! What a target is: where its models lie, what its repository is called, what it asks of contributions.
//!
//! # Where to start
//!
//! [`Target`] is one table of `targets/data`; [`all`] gives every one, [`find`] the one of an id.
//! [`places`] says which model a path of a repository belongs to.
//!
//! # Invariants
//!
//! - Data only: nothing here reads a checkout, knows git, or knows Python's syntax.
//! - A field that the types do not know is an error; so is a table that contradicts itself.
//! - What a target does not have is absent, never empty text.

mod check;
pub mod places;
mod table;

use std::sync::LazyLock;

pub use table::{
    Package, Place, PlaceKind, Remapping, Rule, RuleSource, Source, Target, TestList, Verdict,
};

/// Every target: its id and its table. The first that fits is shown first.
const TABLES: &[(&str, &str)] = &[
    ("mlx-lm", include_str!("../data/mlx-lm.toml")),
    ("transformers", include_str!("../data/transformers.toml")),
    ("mlx-vlm", include_str!("../data/mlx-vlm.toml")),
    ("llama.cpp", include_str!("../data/llama.cpp.toml")),
    ("vllm", include_str!("../data/vllm.toml")),
    ("candle", include_str!("../data/candle.toml")),
];

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let read = |(id, text): &(&str, &str)| parse(text).unwrap_or_else(|err| panic!("{id}: {err}"));
    TABLES.iter().map(read).collect()
});

/// An id that no table has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no target `{id}`; there are {}", ids(|_| true))]
pub struct UnknownTarget {
    /// What was asked for.
    pub id: String,
    /// The id that is most like it, where one is.
    pub nearest: Option<&'static str>,
}

/// Why no port can be written for a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReceiver {
    /// No table has the id.
    #[error(transparent)]
    Unknown(#[from] UnknownTarget),
    /// Its table names no package.
    #[error("no ports are written for `{id}`, only for {}", ids(|it| it.package.is_some()))]
    NoPackage {
        /// The target.
        id: String,
    },
}

/// A table that does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TableFault(String);

/// Every target, in the order of the list.
pub fn all() -> &'static [Target] {
    &TARGETS
}

/// The target that `id` names.
///
/// # Errors
///
/// Fails for an id that no table has, with the one that is most like it.
pub fn find(id: &str) -> Result<&'static Target, UnknownTarget> {
    all().iter().find(|it| it.id == id).ok_or_else(|| {
        let near = |it: &&Target| 0.7 < strsim::jaro_winkler(id, &it.id);
        let nearest = all().iter().find(near).map(|it| it.id.as_str());
        UnknownTarget { id: id.to_owned(), nearest }
    })
}

/// The target that ports are written for, with its package: the one named, else the first that has one.
///
/// # Errors
///
/// Fails for an id that no table has, and for a target that ports are not written for.
pub fn receiver(id: Option<&str>) -> Result<(&'static Target, &'static Package), NoReceiver> {
    let target = match id {
        Some(id) => find(id)?,
        None => all().iter().find(|it| it.package.is_some()).expect("one receives ports"),
    };
    let package = target.package.as_ref();
    package.map(|it| (target, it)).ok_or_else(|| NoReceiver::NoPackage { id: target.id.clone() })
}

/// The package that is imported as `name`, with its target.
pub fn of_package(name: &str) -> Option<(&'static Target, &'static Package)> {
    let mut packages = all().iter().filter_map(|it| Some((it, it.package.as_ref()?)));
    packages.find(|it| it.1.name == name)
}

/// The ids of the targets that `has` holds for, as they are listed in a sentence.
pub fn ids(has: impl Fn(&Target) -> bool) -> String {
    let ids: Vec<&str> = all().iter().filter(|it| has(it)).map(|it| it.id.as_str()).collect();
    ids.join(", ")
}

/// Reads one table.
///
/// # Errors
///
/// Says what is unknown, missing or contradictory in it.
pub fn parse(text: &str) -> Result<Target, TableFault> {
    let target: Target = toml::from_str(text).map_err(|err| TableFault(err.to_string()))?;
    check::fault(&target).map_or(Ok(target), |fault| Err(TableFault(fault)))
}

#[cfg(test)]
mod tests;
