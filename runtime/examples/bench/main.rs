//! Speed beside PyTorch in eager mode: one checkpoint of half a billion parameters, one run, the same
//! number of threads.
//!
//! ```sh
//! cargo run --release -p portwright-runtime --example bench -- TRANSFORMERS PYTHON \
//!     [--folder DIR] [--out FILE] [--json] [--threads 2] [--steps 64] [--rounds 3]
//! ```
//!
//! TRANSFORMERS is the folder of the package, PYTHON an interpreter with torch and that transformers.
//! Prefill is 512 tokens, a decode step one token with the cache, both in float32 and the best of
//! several rounds, PyTorch's and ours in turn. Times are in milliseconds, memory in MiB; where other
//! programs want the processors too, the processor times compare better than the wall's.

#![allow(clippy::print_stdout, reason = "a command's output")]

mod checkpoint;
mod ours;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// Tokens of the prefill.
const PREFILL: usize = 512;

struct Arguments {
    transformers: PathBuf,
    python: PathBuf,
    folder: Option<PathBuf>,
    out: Option<PathBuf>,
    json: bool,
    threads: usize,
    /// Steps of one token after the prefill.
    steps: usize,
    /// Rounds of which the best counts.
    rounds: usize,
}

fn arguments() -> Result<Arguments, Failure> {
    const USAGE: &str = "bench TRANSFORMERS PYTHON [--folder DIR] [--out FILE] [--json] [--threads N] [--steps N] [--rounds N]";
    let mut words = std::env::args().skip(1);
    let (Some(transformers), Some(python)) = (words.next(), words.next()) else {
        return Err(USAGE.into());
    };
    let mut found = Arguments {
        transformers: transformers.into(),
        python: python.into(),
        folder: None,
        out: None,
        json: false,
        threads: 2,
        steps: 64,
        rounds: 3,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => found.json = true,
            "--folder" => found.folder = words.next().map(PathBuf::from),
            "--out" => found.out = words.next().map(PathBuf::from),
            "--steps" => found.steps = words.next().ok_or(USAGE)?.parse()?,
            "--rounds" => found.rounds = words.next().ok_or(USAGE)?.parse()?,
            "--threads" => found.threads = words.next().ok_or(USAGE)?.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(found)
}

/// What real PyTorch measured of a checkpoint, in a process of its own.
fn theirs(arguments: &Arguments, folder: &Path) -> Result<Value, Failure> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bench/torch_side.py");
    let output = Command::new(&arguments.python)
        .arg(script)
        .arg(folder)
        .args(
            [PREFILL, arguments.steps, arguments.rounds, arguments.threads]
                .map(|it| it.to_string()),
        )
        .env("OMP_NUM_THREADS", arguments.threads.to_string())
        .env("HF_HUB_OFFLINE", "1")
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed:\n{said}", arguments.python.display()).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.lines().last().unwrap_or_default())?)
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    // A process that was asked to measure our side answers one JSON line.
    if let Some(folder) = std::env::var_os("BENCH_OURS") {
        println!("{}", ours::measure(&arguments, Path::new(&folder))?);
        return Ok(());
    }
    if let Some(cache) = std::env::var_os("BENCH_IMPORT") {
        println!("{}", ours::import(&arguments.transformers, Path::new(&cache))?);
        return Ok(());
    }
    let temporary = tempfile::tempdir()?;
    let folder = arguments.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let (large, tiny) = (folder.join("half-billion"), folder.join("two-layers"));
    checkpoint::make(&large, &checkpoint::LARGE)?;
    checkpoint::make(&tiny, &checkpoint::TINY)?;
    let mut result = json!({"threads": arguments.threads, "prefill_tokens": PREFILL, "decode_steps": arguments.steps});
    for (name, folder) in [("large", &large), ("tiny", &tiny)] {
        let first = theirs(&arguments, folder)?;
        let ours = ours::in_a_process(&arguments, folder)?;
        let second = theirs(&arguments, folder)?;
        result[name] = json!({"torch": table::best(&first, &second), "ours": ours});
    }
    result["import"] = ours::imports(&arguments)?;
    let text = serde_json::to_string_pretty(&result)?;
    if let Some(out) = &arguments.out {
        fs::write(out, format!("{text}\n"))?;
    }
    if arguments.json {
        println!("{text}");
    } else {
        println!("{}", table::render(&result));
    }
    Ok(())
}
