//! `portwright inspect`: its arguments, and the command.

mod draw;

use std::path::PathBuf;

use clap::Args as ClapArgs;
use portwright_tools::inspect::{self, InspectInput};

use crate::{output::Output, show, surroundings::surroundings};

#[derive(Debug, ClapArgs)]
pub(crate) struct InspectArgs {
    /// A model type, e.g. `olmo_hybrid`; or a checkpoint: its folder, or a Hub id such as `org/name`
    #[cfg_attr(feature = "candle", arg(required_unless_present = "all"))]
    #[cfg_attr(not(feature = "candle"), arg(required = true))]
    model: Option<String>,
    /// A checkout or install of transformers, or a release such as `5.24.0` or `5.24`, its newest
    /// (default: the one around the current folder, else the pinned release)
    #[arg(long, value_name = "PATH|RELEASE")]
    transformers: Option<PathBuf>,
    /// Only modules down to this depth
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Only modules whose full name matches, e.g. `*.self_attn*`
    #[arg(long, value_name = "GLOB")]
    modules: Option<String>,
    /// Print the ancestors as a Mermaid flowchart, and nothing else
    #[arg(long)]
    mermaid: bool,
    /// Inspect the default config of every causal language model
    #[cfg(feature = "candle")]
    #[arg(long, conflicts_with_all = ["model", "depth", "modules", "mermaid"])]
    all: bool,
    /// With --all: also write the table to this folder
    #[cfg(feature = "candle")]
    #[arg(long, requires = "all", value_name = "DIR")]
    docs: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    #[cfg(feature = "candle")]
    if args.all {
        let input = inspect::sweep::SweepInput {
            transformers: args.transformers.clone(),
            docs: args.docs.clone(),
        };
        let table = inspect::sweep::sweep(&input, &home, &bars, &cancel)?;
        if args.output.json {
            show::json(&table)?;
        } else {
            draw::table(&table);
        }
        return Ok(0);
    }
    let input = InspectInput {
        model: args.model.clone().unwrap_or_default(),
        transformers: args.transformers.clone(),
        depth: args.depth,
        modules: args.modules.clone(),
    };
    if args.mermaid {
        show::line(inspect::lineage_of(&input, &home, &bars, &cancel)?.to_mermaid());
        return Ok(0);
    }
    let found = inspect::inspect(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&found)?;
    } else {
        draw::architecture(&found);
    }
    // A plan that disagrees with the modules is a finding about the definition.
    Ok(u8::from(found.model.is_some_and(|it| it.disagrees())))
}
