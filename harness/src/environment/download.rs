//! A step of uv's that downloads: stopped at any moment, it leaves no half-unpacked packages behind.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    child::Sign,
    error::SetupError,
    home::Home,
    uv::{Uv, remove, step},
};
use crate::cancel::Cancel;

/// Runs `command`, which is one of `uv`'s; `on` hears what it says and does.
pub(super) fn download(
    uv: &Uv,
    name: &str,
    command: &mut Command,
    home: &Home,
    cancel: &Cancel,
    on: &mut dyn FnMut(&Sign<'_>),
) -> Result<(), SetupError> {
    let cache = uv.cache_dir(home);
    let mut litter = BTreeSet::new();
    let ended = step(name, command, home, cancel, &mut |sign| {
        if let (Sign::Tick(process), Some(cache)) = (&sign, &cache) {
            litter.extend(unfinished(*process, cache));
        }
        on(&sign);
    });
    // What was finished has been renamed; after a success nothing is left.
    litter.iter().try_for_each(|it| remove(it))?;
    ended
}

/// The half-unpacked packages that `process` is writing into uv's cache: when it is killed, uv does
/// not remove them, and they can be larger than all the rest. Told by its open files, since other
/// processes use the same cache. Linux only; elsewhere there are no CUDA libraries to litter with.
fn unfinished(process: u32, cache: &Path) -> BTreeSet<PathBuf> {
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else { return BTreeSet::new() };
    let cache = cache.canonicalize().unwrap_or(cache.to_owned());
    open.filter_map(|it| fs::read_link(it.ok()?.path()).ok())
        .filter_map(|it| {
            let folder = it.strip_prefix(&cache).ok()?.components().next()?.as_os_str();
            folder.to_string_lossy().starts_with(".tmp").then(|| cache.join(folder))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_temporary_folders_of_the_process_itself_are_litter() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".tmpOurs", ".tmpTheirs", "archive-v0"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let _ours = fs::File::create(dir.path().join(".tmpOurs/libtorch.so")).unwrap();
        let _kept = fs::File::create(dir.path().join("archive-v0/kept")).unwrap();
        let found = unfinished(std::process::id(), dir.path());
        let ours = dir.path().canonicalize().unwrap().join(".tmpOurs");
        assert_eq!(found, BTreeSet::from([ours]));
    }
}
