//! `portwright candidates`: its arguments, and the command. Also `verify --cover`, which takes its set.

mod draw;

use std::path::PathBuf;

use clap::Args as ClapArgs;
use portwright_tools::{
    candidates::{self, CandidatesInput, DEFAULT_LIMIT},
    verify_cover,
};

use crate::{output::Output, show, surroundings::surroundings, verify_args::VerifyArgs};

#[derive(Debug, ClapArgs)]
pub(crate) struct CandidatesArgs {
    /// A model type, e.g. `olmo3`; a class, e.g. `Olmo3ForCausalLM`; or a checkpoint whose siblings are
    /// wanted: its folder, or a Hub id such as `org/name`
    model: String,
    /// A checkpoint that is in the set whatever it shows: a Hub id or a folder; may be repeated
    #[arg(long, value_name = "ID")]
    add: Vec<String>,
    /// Look in a folder of checkpoints instead of the Hub
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Look only at what the Hub's cache on this machine has
    #[arg(long, conflicts_with = "folder")]
    offline: bool,
    /// Checkpoints to look at, those with most downloads first
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LIMIT)]
    limit: usize,
    /// Choose no checkpoint of more bytes, e.g. `20GB`; what only such ones show is named
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_bytes: Option<u64>,
    /// A checkout or install of transformers, or a release such as `5.24.0` or `5.24`, its newest
    /// (default: the one around the current folder, else the pinned release)
    #[arg(long, value_name = "PATH|RELEASE")]
    transformers: Option<PathBuf>,
    /// The target whose port is looked for (default: `mlx-lm`)
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// The target's tree, a checkout or install, to look for the port in (default: the pinned release)
    #[arg(long, alias = "mlx-lm", value_name = "PATH")]
    port: Option<PathBuf>,
    /// Also write the set to this file, for `portwright verify --cover`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &CandidatesArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let input = CandidatesInput {
        model: args.model.clone(),
        add: args.add.clone(),
        folder: args.folder.clone(),
        offline: args.offline,
        limit: Some(args.limit),
        max_bytes: args.max_bytes,
        transformers: args.transformers.clone(),
        target: args.target.clone(),
        port: args.port.clone(),
        out: args.out.clone(),
    };
    let found = candidates::find_candidates(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&found)?;
    } else {
        draw::candidates(&found);
    }
    Ok(0)
}

/// `verify --cover` without `--candidate`: every config of the set.
pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let output = verify_cover::verify_cover(&args.input(), &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        draw::cover(&output);
    }
    Ok(output.verdict.exit_code())
}

/// Decimal units, as sizes of files are shown.
const UNITS: [(&str, f64); 5] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)];

/// `20GB`, `1.5 TB`, `1000`.
fn size(text: &str) -> Result<u64, String> {
    let named = UNITS.iter().find_map(|(unit, factor)| {
        let end = text.len().checked_sub(unit.len()).filter(|it| text.is_char_boundary(*it))?;
        text[end..].eq_ignore_ascii_case(unit).then(|| (text[..end].trim(), *factor))
    });
    let (number, factor) = named.unwrap_or((text, 1.0));
    let bytes = number.parse::<f64>().map(|it| it * factor);
    match bytes {
        Ok(bytes) if (0.0..1e18).contains(&bytes) =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the bounds above"
            )]
            Ok(bytes as u64)
        }
        _ => Err("expected a size such as `20GB` or `500MB`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [
            ("20GB", 20_000_000_000),
            ("1.5 TB", 1_500_000_000_000),
            ("7kb", 7000),
            ("12", 12),
            ("12B", 12),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "NaN", "inf", "1e30", "20 Gé"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
