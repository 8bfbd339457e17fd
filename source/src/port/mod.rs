//! The first file of a port: the nearest port that the target has, under the new names, with every
//! difference between the two definitions marked and stopped at its place.
//!
//! # Where to start
//!
//! [`Catalogue`] knows the definitions of a release, [`Definition`] reads one as parts that compare,
//! [`rank`] finds the nearest one that has a port, and [`scaffold`] writes the file.
//!
//! # Invariants
//!
//! - No numerics are made up: the text is the parent port's, moved as it is.
//! - What the two definitions do not share raises `NotImplementedError` in the scaffold, so that one that
//!   runs to its end is a port of a definition that says the same as its parent's.
//! - Two definitions say the same when their tokens do, but for what `inert` lists.

mod args;
mod catalogue;
mod compare;
mod conversions;
mod definition;
mod inert;
mod meaning;
mod nearest;
mod remapping;
mod rows;
mod target;
mod test_table;
mod write;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::depth::with_room;
use crate::problem::Problem;
pub use catalogue::Catalogue;
pub use compare::WorkKind;
use compare::{Difference, conversion_keys, differences};
pub use definition::Definition;
pub use nearest::{Candidate, rank};
pub use remapping::{Remapping, Tables};
pub use target::PortFile;
pub use test_table::TestTable;

/// Something that is still to be ported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Work {
    pub kind: WorkKind,
    /// File and lines of the definition, e.g. `modeling_x.py:412-430`.
    pub definition: String,
    /// What differs from what.
    pub construct: String,
    /// The line of the scaffold that it is marked and stopped at; absent where no file is written.
    pub line: Option<usize>,
}

/// A scaffolded port.
#[derive(Debug, Clone)]
pub struct Scaffold {
    pub text: String,
    /// In the order of the definition's files.
    pub work: Vec<Work>,
    /// Config fields that stop at any other value than the one that the parent's port is right at.
    pub guarded: Vec<String>,
    /// Config fields that no code of the definition reads; they are left out.
    pub unread: Vec<String>,
    /// Whether the parent's own file serves the model as it is.
    pub registers: bool,
    /// How transformers changes a checkpoint's names when it loads one, as its source says it.
    pub conversions: Vec<String>,
}

impl Scaffold {
    /// Whether nothing is left to be ported.
    pub fn is_complete(&self) -> bool {
        self.work.is_empty()
    }
}

/// Writes the port of `child` from that of `parent`. `siblings` are the ports that `port` imports from.
///
/// # Errors
///
/// Where what was written is not Python.
pub fn scaffold(
    catalogue: &Catalogue,
    child: &Definition,
    parent: &Definition,
    port: &PortFile,
    siblings: &[&PortFile],
) -> Result<Scaffold, Problem> {
    with_room(|| make(catalogue, child, parent, port, siblings))
}

fn make(
    catalogue: &Catalogue,
    child: &Definition,
    parent: &Definition,
    port: &PortFile,
    siblings: &[&PortFile],
) -> Result<Scaffold, Problem> {
    let conversions = &catalogue.conversions;
    let mut reads: BTreeSet<String> = port.reads();
    reads.extend(siblings.iter().flat_map(|it| it.reads()));
    let mut args = args::make(child, parent, port, &reads);
    let mut found: Vec<Difference> = std::mem::take(&mut args.differences);
    found.extend(differences(child, parent, conversions));
    let guarded = std::mem::take(&mut args.guarded);
    let same_config = child.config.class == parent.config.class;
    let registers =
        found.is_empty() && child.model_type != parent.model_type && (same_config || !args.changed);
    let text = write::write(child, parent, port, args, &found);
    let path = port.source.path().with_file_name(format!("{}.py", child.model_type));
    crate::text::Source::parse(path, text.as_str())?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let work = found.iter().map(|difference| {
        let comment = write::comment(difference, parent);
        Work {
            kind: difference.kind,
            definition: difference.place(),
            construct: difference.sentence(&parent.model_type),
            line: lines.iter().position(|it| *it == comment).map(|it| it + 1),
        }
    });
    let rules = conversion_keys(child).into_iter().filter_map(|key| {
        let (text, line) = conversions.of(&key)?;
        Some(format!("conversion_mapping.py:{line}: `{key}`: {text}"))
    });
    Ok(Scaffold {
        work: work.collect(),
        guarded,
        unread: child.unread(),
        registers,
        conversions: rules.collect(),
        text,
    })
}
