//! Every engine, one row each: what it runs, on which host, and what it can be asked beyond a forward.
//!
//! Nothing else in the workspace compares an engine with another: callers ask the row.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Supply;

/// An engine by its id.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Real PyTorch and transformers.
    Torch,
    /// Real MLX and mlx-lm: the port as users run it.
    Mlx,
    /// The definition run from its source by the embedded runtime.
    #[serde(alias = "candle")]
    Embedded,
    /// The port run from its source by the embedded runtime.
    EmbeddedMlx,
}

/// What an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// The model as transformers defines it.
    Definition,
    /// A target's port of it.
    Port,
}

impl Runs {
    /// As a sentence calls it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Port => "port",
        }
    }
}

/// What an engine runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A worker in the native engines' own Python.
    Native,
    /// The virtual machine of this program.
    Embedded,
}

/// What not every engine can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Turn token ids into text with the checkpoint's tokenizer.
    Texts,
    /// Say which other values a definition's config fields can have.
    OtherValues,
    /// Say which config fields its class does not take.
    DroppedFields,
    /// Convert the checkpoint, save it and load it again.
    Convert,
    /// Pack the weights by its own library's quantisation.
    Pack,
    /// Go on with a cache after a batch that was padded on the right.
    ResumeRightPadded,
    /// Save a cache, load and copy it, and go on.
    KeepCaches,
    /// Join caches into a batch, add to it, take rows out of it.
    JoinCaches,
    /// Hand layers inputs in place of those that arrive.
    FeedLayers,
    /// Take the rows of the embedding in place of tokens.
    TakeEmbeddings,
    /// Pack keys and values in a cache, or round them as much.
    PackCaches,
    /// Share a model between several ranks.
    Shard,
    /// Read weights in fp8 with their scales.
    ReadFp8,
}

impl Operation {
    /// As a sentence names it.
    fn noun(self) -> &'static str {
        match self {
            Self::Texts => "tokenizer",
            Self::OtherValues => "list of other values for config fields",
            Self::DroppedFields => "config class that drops fields",
            Self::Convert => "conversion of the checkpoint",
            Self::Pack => "quantisation of its own",
            Self::ResumeRightPadded => "cache that goes on after padding on the right",
            Self::KeepCaches => "cache that can be saved",
            Self::JoinCaches => "batch of caches that rows join and leave",
            Self::FeedLayers => "way to feed a layer by itself",
            Self::TakeEmbeddings => "way to be fed embeddings",
            Self::PackCaches => "cache that is quantised",
            Self::Shard => "ranks to be shared between",
            Self::ReadFp8 => "reading of fp8 weights",
        }
    }
}

/// What an engine's library stands on in the machine of this program.
#[derive(Debug)]
pub struct Dialect {
    /// The runtime's name of it.
    pub name: &'static str,
    /// The module of the worker package that answers.
    pub worker: &'static str,
    /// Whether the runtime's own session serves it too: texts, inspection, ledgers.
    pub session: bool,
    /// The library whose sources it runs, as its versions name it.
    pub library: &'static str,
    /// Those sources, where the user names none.
    pub sources: Supply,
}

/// One engine.
#[derive(Debug)]
pub struct Engine {
    pub kind: EngineKind,
    /// The name on the command line, in evidence, and of a native worker's `--engine`.
    pub id: &'static str,
    /// Names that earlier releases gave it.
    pub aliases: &'static [&'static str],
    pub runs: Runs,
    pub host: Host,
    /// What it stands on, where the host is this program.
    pub dialect: Option<Dialect>,
    /// What must be installed before it can be started, whatever it runs.
    pub installs: Option<Supply>,
    /// The package whose sources it runs.
    pub package: &'static str,
    /// What it can be asked beyond forwards, generation and rotations.
    pub offers: &'static [Operation],
}

/// Every engine. The first that runs definitions is the reference by default, the first that runs ports
/// is judged by default.
pub const ENGINES: &[Engine] = &[
    Engine {
        kind: EngineKind::Torch,
        id: "torch",
        aliases: &[],
        runs: Runs::Definition,
        host: Host::Native,
        dialect: None,
        installs: Some(Supply::Torch),
        package: "transformers",
        offers: &[
            Operation::Texts,
            Operation::OtherValues,
            Operation::FeedLayers,
            Operation::PackCaches,
            Operation::ReadFp8,
        ],
    },
    Engine {
        kind: EngineKind::Mlx,
        id: "mlx",
        aliases: &[],
        runs: Runs::Port,
        host: Host::Native,
        dialect: None,
        installs: Some(Supply::Mlx),
        package: "mlx_lm",
        offers: &[
            Operation::DroppedFields,
            Operation::Convert,
            Operation::Pack,
            Operation::FeedLayers,
            Operation::ResumeRightPadded,
            Operation::KeepCaches,
            Operation::JoinCaches,
            Operation::TakeEmbeddings,
            Operation::PackCaches,
            Operation::Shard,
            Operation::ReadFp8,
        ],
    },
    Engine {
        kind: EngineKind::Embedded,
        id: "embedded",
        aliases: &["candle"],
        runs: Runs::Definition,
        host: Host::Embedded,
        dialect: Some(Dialect {
            name: "torch",
            worker: "portwright_worker.embedded",
            session: true,
            library: "transformers",
            sources: Supply::Transformers,
        }),
        installs: None,
        package: "transformers",
        offers: &[Operation::OtherValues, Operation::PackCaches],
    },
    Engine {
        kind: EngineKind::EmbeddedMlx,
        id: "embedded-mlx",
        aliases: &[],
        runs: Runs::Port,
        host: Host::Embedded,
        dialect: Some(Dialect {
            name: "mlx",
            worker: "portwright_worker.embedded_mlx",
            session: false,
            library: "mlx-lm",
            sources: Supply::MlxLm,
        }),
        installs: None,
        package: "mlx_lm",
        offers: &[
            Operation::DroppedFields,
            Operation::Pack,
            Operation::ResumeRightPadded,
            Operation::KeepCaches,
            Operation::JoinCaches,
            Operation::TakeEmbeddings,
            Operation::PackCaches,
        ],
    },
];

/// The packages whose sources models are in, as they are imported: those that engines run, and those
/// that targets put their ports in.
pub(super) fn packages() -> impl Iterator<Item = &'static str> {
    let of_targets = portwright_targets::all().iter().filter_map(|it| it.package.as_ref());
    ENGINES.iter().map(|it| it.package).chain(of_targets.map(|it| it.name.as_str()))
}

/// An engine was asked for what it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacks {
    pub engine: EngineKind,
    pub operation: Operation,
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.engine.row();
        write!(f, "`{}` runs the {}: it has no {}", row.id, row.runs.noun(), self.operation.noun())
    }
}

impl EngineKind {
    /// Its row of [`ENGINES`].
    pub fn row(self) -> &'static Engine {
        ENGINES.iter().find(|it| it.kind == self).expect("every engine has a row")
    }

    /// The name on the command line, in evidence and of the worker's `--engine`.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// What it runs.
    pub fn runs(self) -> Runs {
        self.row().runs
    }

    /// Whether it can be asked for `operation`, or the typed absence that says why not.
    pub fn offers(self, operation: Operation) -> Result<(), Lacks> {
        if self.row().offers.contains(&operation) {
            Ok(())
        } else {
            Err(Lacks { engine: self, operation })
        }
    }

    /// The first engine of the table that runs `what` on `host`.
    ///
    /// # Panics
    ///
    /// Where the table has none, which is a bug of the caller.
    pub fn that_runs(what: Runs, host: Host) -> Self {
        let mut fitting = ENGINES.iter().filter(|it| it.runs == what && it.host == host);
        fitting.next().expect("the table has an engine of the kind").kind
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A name that no engine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no engine is called `{0}`")]
pub struct UnknownEngine(pub String);

impl FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        let named = |it: &&Engine| it.id == name || it.aliases.contains(&name);
        let row = ENGINES.iter().find(named);
        row.map(|it| it.kind).ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}

/// The ids of every engine, as a sentence lists them.
pub fn engine_ids() -> String {
    let ids: Vec<String> = ENGINES.iter().map(|it| format!("`{}`", it.id)).collect();
    ids.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_belongs_to_one_engine_and_is_what_evidence_writes() {
        let names: Vec<&str> = ENGINES
            .iter()
            .flat_map(|it| std::iter::once(it.id).chain(it.aliases.to_vec()))
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for engine in ENGINES {
            assert_eq!(engine.kind.row().id, engine.id);
            assert_eq!(serde_json::to_value(engine.kind).unwrap(), engine.id);
            for name in std::iter::once(&engine.id).chain(engine.aliases) {
                assert_eq!(name.parse(), Ok(engine.kind));
                let read: EngineKind = serde_json::from_value((*name).into()).unwrap();
                assert_eq!(read, engine.kind);
            }
        }
    }

    #[test]
    fn what_an_engine_lacks_is_said_with_its_name() {
        let lacks = EngineKind::Embedded.offers(Operation::Pack).unwrap_err();
        assert_eq!(
            lacks.to_string(),
            "`embedded` runs the definition: it has no quantisation of its own"
        );
        assert_eq!(EngineKind::Mlx.offers(Operation::Pack), Ok(()));
    }
}
