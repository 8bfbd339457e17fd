//! `modular bench`: our conversion beside the Python one, on the same files.
//!
//! Ours is cold: a library opened for the purpose, every file read and parsed, up to the formatted
//! text of every standalone file; nothing is written. The Python converter runs as its users run
//! it, in a copy of the package, since it writes beside the modular files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use nix::sys::resource::{UsageWho, getrusage};
use portwright_harness::{
    cancel::Cancel,
    environment::{self, Home, Supply},
    progress::{Progress, Step},
};
use portwright_source::Library;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    conversion::{Workshop, read_by},
    error::ModularError,
    formatter::{Formatter, FormatterChoice, FormatterUsed},
    place,
};
use crate::error::ToolError;

/// What to measure.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BenchInput {
    /// Model types such as `olmo3`, or paths of modular files; every one when empty.
    pub files: Vec<String>,
    /// A checkout or install of transformers; the one around the files or the current folder, else
    /// the pinned release, when absent.
    pub transformers: Option<PathBuf>,
    /// `utils/modular_model_converter.py` of a checkout; only ours is measured when absent.
    pub python_converter: Option<PathBuf>,
    /// A Python that has transformers' needs and libcst; the engines' own when absent.
    pub python: Option<PathBuf>,
    /// Which formatter lays our files out.
    pub formatter: FormatterChoice,
}

/// What one converter took, its child processes included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// Seconds on the clock.
    pub wall_seconds: f64,
    /// Seconds of processor time, user and system.
    pub cpu_seconds: f64,
    /// The most memory that one process held at a time, in bytes.
    pub peak_bytes: u64,
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BenchOutput {
    pub modular_files: usize,
    /// Standalone files that ours gave.
    pub standalone_files: usize,
    /// Modular files that ours could not convert.
    pub failed: usize,
    pub formatter: FormatterUsed,
    pub ours: Measured,
    pub python: Option<Measured>,
    /// The Python converter's clock over ours.
    pub wall_ratio: Option<f64>,
    /// The Python converter's processor time over ours.
    pub cpu_ratio: Option<f64>,
}

/// Measure.
///
/// # Errors
///
/// Fails when the files cannot be found, or the Python converter does not run to its end.
pub fn bench(
    input: &BenchInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<BenchOutput, ToolError> {
    let given = input.transformers.as_deref();
    let known = place::open(given, &input.files, home, progress, cancel)?;
    let chosen = place::select(&known, &input.files, input.files.is_empty())?;
    let formatter = Formatter::choose(input.formatter, &known, home, progress, cancel)?;
    let package = known.package().to_owned();
    drop(known);

    let meter = Meter::start()?;
    let library = Library::open(&package)?;
    let read = read_by(&library, &chosen);
    let workshop = Workshop { library: &library, formatter: &formatter, progress, cancel, read };
    let converted = workshop.convert(&chosen)?;
    let ours = meter.read(UsageWho::RUSAGE_SELF)?;

    let python = match &input.python_converter {
        Some(script) => {
            let python = if let Some(python) = &input.python {
                python.clone()
            } else {
                let pinned = environment::ensure(home, &[Supply::Torch], progress, cancel)?;
                pinned.engines()?.python.clone()
            };
            Some(measure_python(&python, script, &library, &chosen, progress)?)
        }
        None => None,
    };
    Ok(BenchOutput {
        modular_files: chosen.len(),
        standalone_files: converted.iter().flat_map(|it| &it.result).map(Vec::len).sum(),
        failed: converted.iter().filter(|it| it.result.is_err()).count(),
        formatter: formatter.used.clone(),
        ours,
        python,
        wall_ratio: python.map(|it| it.wall_seconds / ours.wall_seconds),
        cpu_ratio: python.map(|it| it.cpu_seconds / ours.cpu_seconds),
    })
}

fn measure_python(
    python: &Path,
    script: &Path,
    library: &Library,
    chosen: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Measured, ToolError> {
    let script = script.canonicalize().map_err(|_| ToolError::NoSuchPath {
        flag: "--python-converter",
        path: script.to_owned(),
    })?;
    let folder = tempfile::tempdir()
        .map_err(|source| ToolError::Write { path: std::env::temp_dir(), source })?;
    let root = folder.path();
    copy_sources(library.package(), &root.join("src/transformers"))?;
    let files: Vec<PathBuf> = chosen.iter().map(|it| place::in_repository(library, it)).collect();
    for (from, to) in chosen.iter().zip(&files) {
        let to = root.join(to);
        fs::copy(from, &to).map_err(|source| ToolError::Write { path: to, source })?;
    }
    let _step = Step::start(progress, "the Python converter", None);
    let meter = Meter::start()?;
    let output = Command::new(python)
        .arg(&script)
        .args(&files)
        .current_dir(root)
        .env("PYTHONPATH", root.join("src"))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| ModularError::Python { python: python.to_owned(), source })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let said = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(ModularError::PythonConverter { status: output.status, said }.into());
    }
    meter.read(UsageWho::RUSAGE_CHILDREN)
}

/// Copies the Python files of a package; what else it holds is no source.
fn copy_sources(from: &Path, to: &Path) -> Result<(), ToolError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ToolError::Write { path, source }
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            if !path.ends_with("__pycache__") {
                copy_sources(&path, &target)?;
            }
        } else if path.extension().is_some_and(|it| it == "py") {
            fs::copy(&path, &target).map_err(failed(&target))?;
        }
    }
    Ok(())
}

/// Clock and processor time from its start on.
struct Meter {
    clock: Instant,
    own: f64,
    children: f64,
}

impl Meter {
    fn start() -> Result<Self, ToolError> {
        let own = cpu_seconds(UsageWho::RUSAGE_SELF)?;
        let children = cpu_seconds(UsageWho::RUSAGE_CHILDREN)?;
        Ok(Self { clock: Instant::now(), own, children })
    }

    /// What was taken since; the memory is that of `who`.
    fn read(&self, who: UsageWho) -> Result<Measured, ToolError> {
        let wall_seconds = self.clock.elapsed().as_secs_f64();
        let children = cpu_seconds(UsageWho::RUSAGE_CHILDREN)? - self.children;
        let own = match who {
            UsageWho::RUSAGE_SELF => cpu_seconds(who)? - self.own,
            _ => 0.0,
        };
        let peak = getrusage(who).map_err(unmeasured)?.max_rss();
        // Linux counts in KiB, macOS in bytes.
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        let peak_bytes = u64::try_from(peak).unwrap_or_default() * unit;
        Ok(Measured { wall_seconds, cpu_seconds: own + children, peak_bytes })
    }
}

fn cpu_seconds(who: UsageWho) -> Result<f64, ToolError> {
    let usage = getrusage(who).map_err(unmeasured)?;
    let seconds = |it: nix::sys::time::TimeVal| it.tv_sec() as f64 + it.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

fn unmeasured(source: nix::Error) -> ModularError {
    ModularError::Unmeasured { source }
}
