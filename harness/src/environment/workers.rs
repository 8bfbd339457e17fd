//! The Python side of the engines: put on disk from the binary, and what its processes may see.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use include_dir::{Dir, File, include_dir};

use super::{complete::Engines, error::SetupError, home::Home, lock::hex_digest};

/// The worker's package as it was when this binary was built.
static WORKER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/workers/portwright_worker");

/// What the worker and the embedded runtime ask definitions by, as it was then.
static SESSION: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../runtime/session/portwright");

const NAME: &str = "portwright_worker";

/// Every package that a worker imports from us, by its name.
const PACKAGES: [(&str, &Dir<'static>); 2] = [(NAME, &WORKER), ("portwright", &SESSION)];

/// The embedded sources and where they go, in a stable order; bytecode that lay beside them is left out.
fn sources() -> Vec<(PathBuf, &'static File<'static>)> {
    fn collect(dir: &'static Dir<'static>, into: &mut Vec<&'static File<'static>>) {
        if dir.path().file_name() != Some(OsStr::new("__pycache__")) {
            into.extend(dir.files().filter(|it| it.path().extension() != Some(OsStr::new("pyc"))));
            dir.dirs().for_each(|it| collect(it, into));
        }
    }
    let mut files = Vec::new();
    for (name, package) in PACKAGES {
        let mut found = Vec::new();
        collect(package, &mut found);
        files.extend(found.into_iter().map(|it| (Path::new(name).join(it.path()), it)));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Where the packages go, named after their contents.
pub(super) fn folder(home: &Home) -> PathBuf {
    folder_of(home, &sources())
}

fn folder_of(home: &Home, sources: &[(PathBuf, &File<'_>)]) -> PathBuf {
    let parts: Vec<&[u8]> = sources
        .iter()
        .flat_map(|(path, it)| [path.as_os_str().as_encoded_bytes(), it.contents()])
        .collect();
    home.path().join(format!("workers-{}", &hex_digest(&parts)[..12]))
}

/// Puts the packages into the home and returns the folder for `PYTHONPATH`.
///
/// Every file is compared, so that one that was changed by hand or cut off by a full disk is put
/// back. Files are renamed into place: a worker that starts meanwhile sees the old or the new one.
pub(super) fn materialise(home: &Home) -> Result<PathBuf, SetupError> {
    let sources = sources();
    let folder = folder_of(home, &sources);
    for (path, file) in &sources {
        let path = folder.join(path);
        if fs::read(&path).is_ok_and(|it| it == file.contents()) {
            continue;
        }
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(SetupError::io("create", parent))?;
        let draft = path.with_extension(format!("draft-{}", std::process::id()));
        fs::write(&draft, file.contents()).map_err(SetupError::io("write", &draft))?;
        fs::rename(&draft, &path).map_err(SetupError::io("write", &path))?;
    }
    Ok(folder)
}

/// The variables of ours that a worker may see. Everything else stays out: tokens, keys, proxies.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    // Where the user's checkpoints are.
    "HF_HOME",
    "HF_HUB_CACHE",
    "XDG_CACHE_HOME",
    // Where drivers are, and which device to take.
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    // Set by those whose processor OpenBLAS recognises wrongly: without it results are wrong.
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
];

/// What every worker gets on top.
const SET: &[(&str, &str)] = &[
    // No network: checkpoints are fetched by the harness, never by a worker.
    ("HF_HUB_OFFLINE", "1"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
    // The token that `hf auth login` left in HF_HOME is none of a worker's business.
    ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
    ("DO_NOT_TRACK", "1"),
    // Results must not depend on the number of threads, and a forked child cannot take a pool over.
    ("OMP_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("VECLIB_MAXIMUM_THREADS", "1"),
    ("TOKENIZERS_PARALLELISM", "false"),
    // Same seed, same order of sets.
    ("PYTHONHASHSEED", "0"),
    // Only the environment's own packages: neither the user's site nor the current folder.
    ("PYTHONNOUSERSITE", "1"),
    ("PYTHONSAFEPATH", "1"),
    ("PYTHONUTF8", "1"),
    // A crash in native code leaves a Python traceback on stderr.
    ("PYTHONFAULTHANDLER", "1"),
];

/// The whole environment of a worker process: start it with `env_clear` and these.
pub fn worker_environment(engines: &Engines) -> Vec<(OsString, OsString)> {
    environment_from(env::vars_os(), &engines.workers)
}

/// What a worker of the embedded engine sees of our environment: no home, no proxies, no cache.
#[cfg(feature = "candle")]
const EMBEDDED: &[&str] = &["LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"];

/// The whole environment of a worker of the engine `embedded`.
#[cfg(feature = "candle")]
pub(crate) fn embedded_environment() -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os().filter(|(name, _)| EMBEDDED.iter().any(|it| name == it))
}

/// The folder of the package `portwright_worker`, put into the home when it is not there.
#[cfg(feature = "candle")]
pub(crate) fn worker_package(home: &Home) -> Result<PathBuf, SetupError> {
    home.create()?;
    Ok(materialise(home)?.join(NAME))
}

fn environment_from(
    ours: impl Iterator<Item = (OsString, OsString)>,
    workers: &Path,
) -> Vec<(OsString, OsString)> {
    let passed = ours.filter(|(name, _)| PASSED.iter().any(|it| name == it));
    let set = SET.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let path = (OsString::from("PYTHONPATH"), workers.as_os_str().to_owned());
    passed.chain(set).chain([path]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_sources_are_those_in_the_checkout() {
        fn count(dir: &Path) -> usize {
            let entries = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
            entries
                .map(|it| match it.extension() {
                    _ if it.is_dir() => count(&it),
                    Some(extension) if extension == "py" => 1,
                    _ => 0,
                })
                .sum()
        }
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let roots = [manifest.join("workers"), manifest.join("../runtime/session")];
        for (root, (name, _)) in roots.iter().zip(PACKAGES) {
            let python: Vec<_> = sources()
                .into_iter()
                .filter(|(path, _)| path.starts_with(name))
                .filter(|(path, _)| path.extension() == Some(OsStr::new("py")))
                .collect();
            let count = count(&root.join(name));
            assert_eq!(python.len(), count, "a build script must watch {}", root.display());
            for (path, file) in python {
                assert_eq!(fs::read(root.join(path)).unwrap(), file.contents());
            }
        }
    }

    #[test]
    fn a_file_that_was_changed_by_hand_is_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        let folder = materialise(&home).unwrap();
        let main = folder.join(NAME).join("__main__.py");
        let original = fs::read(&main).unwrap();
        fs::write(&main, "print('changed')").unwrap();
        assert_eq!(materialise(&home).unwrap(), folder);
        assert_eq!(fs::read(&main).unwrap(), original);
    }

    #[test]
    fn secrets_do_not_reach_a_worker() {
        let ours =
            ["PATH", "HF_HOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY"]
                .into_iter()
                .chain(["OPENAI_API_KEY", "HTTPS_PROXY", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"])
                .map(|it| (OsString::from(it), OsString::from("value")));
        let seen = environment_from(ours, Path::new("/workers"));
        let names: Vec<_> = seen.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names[..2], ["PATH", "HF_HOME"]);
        assert_eq!(names.len(), 2 + SET.len() + 1);
        assert!(PASSED.iter().all(|it| !it.contains("TOKEN") && !it.contains("KEY")));
        assert_eq!(seen.last().unwrap().1, "/workers");
    }
}
