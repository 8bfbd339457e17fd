//! Runs definitions on the machine and compares them with what real PyTorch computed.
//!
//! The references are the folders that `tests/reference.py` makes. The answer is one row a
//! definition in `definitions.json` and the table made of it, `definitions.md`; rows that were there
//! and are not asked for again stay.
//!
//! `sweep TRANSFORMERS REFERENCES DOCS [--overlay DIR] [--cache DIR] [--mode MODE]... [NAME]...`

#![allow(clippy::print_stdout, reason = "a command's output")]

mod comparison;
mod definition;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// How a definition is computed, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Float32,
    Bfloat16,
    Float64,
    Exact,
}

const MODES: [Mode; 4] = [Mode::Float32, Mode::Bfloat16, Mode::Float64, Mode::Exact];

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float64 => "float64",
            Self::Exact => "exact",
        }
    }
}

struct Arguments {
    transformers: PathBuf,
    references: PathBuf,
    docs: PathBuf,
    overlay: Option<PathBuf>,
    cache: Option<PathBuf>,
    modes: Vec<Mode>,
    only: Vec<String>,
}

fn arguments() -> Result<Arguments, Failure> {
    const USAGE: &str = "sweep TRANSFORMERS REFERENCES DOCS [--mode MODE]... [NAME]...";
    let mut words = std::env::args().skip(1);
    let mut next = || words.next().map(PathBuf::from).ok_or(USAGE);
    let (transformers, references, docs) = (next()?, next()?, next()?);
    let (mut overlay, mut cache, mut modes, mut only) = (None, None, Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "--overlay" => overlay = words.next().map(PathBuf::from),
            "--cache" => cache = words.next().map(PathBuf::from),
            "--mode" => {
                let name = words.next().ok_or(USAGE)?;
                let mode = MODES.into_iter().find(|it| it.name() == name);
                modes.push(mode.ok_or_else(|| format!("no mode `{name}`"))?);
            }
            _ => only.push(word),
        }
    }
    if modes.is_empty() {
        modes.extend(MODES);
    }
    Ok(Arguments { transformers, references, docs, overlay, cache, modes, only })
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let mut names: Vec<String> = fs::read_dir(&arguments.references)?
        .flatten()
        .filter(|it| it.path().is_dir())
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .filter(|it| arguments.only.is_empty() || arguments.only.contains(it))
        .collect();
    names.sort();
    let data = arguments.docs.join(table::DATA);
    let mut document = match fs::read_to_string(&data) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => json!({"definitions": {}}),
    };
    document["transformers"] = json!(version(&arguments.transformers)?);
    for name in &names {
        let folder = arguments.references.join(name);
        let known = document["definitions"][name].take();
        let mut row = if known.is_object() { known } else { json!({"modes": {}}) };
        if !folder.join("case.json").is_file() {
            row["reason"] = json!(format!("no reference: {}", why_not(&folder)));
            document["definitions"][name] = row;
            continue;
        }
        for mode in &arguments.modes {
            let start = Instant::now();
            let cell = definition::run(&arguments, name, *mode, &mut row).unwrap_or_else(|error| {
                let reason = plain(&arguments, &error.to_string());
                json!({"verdict": "fail", "reason": reason})
            });
            println!(
                "{:7} {name} {} {} {:.1} s {}",
                cell["verdict"].as_str().unwrap_or("?"),
                mode.name(),
                cell["worst"],
                start.elapsed().as_secs_f64(),
                cell["reason"].as_str().unwrap_or_default()
            );
            row["modes"][mode.name()] = cell;
        }
        document["definitions"][name] = row;
        fs::create_dir_all(&arguments.docs)?;
        fs::write(&data, serde_json::to_string_pretty(&document)? + "\n")?;
    }
    if let Some(rows) = document["definitions"].as_object_mut() {
        rows.sort_keys();
    }
    fs::write(&data, serde_json::to_string_pretty(&document)? + "\n")?;
    fs::write(arguments.docs.join(table::TABLE), table::render(&document))?;
    Ok(())
}

/// The version that the source states.
fn version(transformers: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(transformers.join("__init__.py"))?;
    let line = text.lines().find_map(|it| it.strip_prefix("__version__ = "));
    Ok(line.ok_or("transformers states no version")?.trim_matches('"').to_owned())
}

/// What PyTorch said when the reference could not be made.
fn why_not(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("failed.txt")).unwrap_or_default();
    let last = text.lines().rfind(|it| !it.trim().is_empty()).unwrap_or("it was not made");
    let last = last.trim();
    last.strip_prefix("portwright_worker.protocol.WorkerError: ").unwrap_or(last).to_owned()
}

/// A message in one line, without this machine's folders.
fn plain(arguments: &Arguments, message: &str) -> String {
    let folder = arguments.transformers.display().to_string();
    let lines: Vec<&str> = message
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty() && it.chars().any(|it| it != '^'))
        .collect();
    lines.join("; ").replace(&folder, "transformers")
}
