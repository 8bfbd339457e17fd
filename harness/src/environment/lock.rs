//! The lock files: every package of the engines with its version, condition and hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use sha2::{Digest, Sha256};

use super::{settings::TorchSource, supply::Supply};

/// What the engines are installed from; its first lines say how it is made again.
pub(super) const ENGINES: &str = include_str!("../../workers/engines.lock");

/// What `uv` is installed from where there is none.
pub(super) const BOOTSTRAP: &str = include_str!("../../workers/bootstrap.lock");

/// The lowest Python that every locked package runs on (torch and mlx-lm set it).
pub(super) const PYTHON_MINIMUM: (u32, u32) = (3, 11);

/// The highest Python that every locked package has wheels for (numpy sets it).
pub(super) const PYTHON_MAXIMUM: (u32, u32) = (3, 14);

/// One package of a lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Requirement<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    /// The lines of the lock file, condition and hashes included.
    pub(super) text: &'a str,
}

/// The packages of a lock file, in its order.
///
/// ```text
/// numpy==2.4.6 ; python_full_version < '3.12' \
///     --hash=sha256:… \
///     --hash=sha256:…
///     # via transformers
/// ```
pub(super) fn requirements(lock: &str) -> Vec<Requirement<'_>> {
    let mut starts: Vec<usize> = Vec::new();
    let mut offset = 0;
    for line in lock.split_inclusive('\n') {
        if line.starts_with(|it: char| it.is_ascii_alphanumeric()) {
            starts.push(offset);
        }
        offset += line.len();
    }
    starts.push(lock.len());
    let blocks = starts.windows(2).map(|it| &lock[it[0]..it[1]]);
    blocks
        .filter_map(|text| {
            let (name, rest) = text.split_once("==")?;
            let version = rest.split([' ', '\n', ';', '\\']).next()?;
            Some(Requirement { name, version, text })
        })
        .collect()
}

impl<'a> Requirement<'a> {
    /// Its SHA-256 digests, sorted.
    pub(super) fn hashes(&self) -> BTreeSet<&'a str> {
        self.text.split_whitespace().filter_map(|it| it.strip_prefix("--hash=sha256:")).collect()
    }

    /// The packages that ask for it, as the comment after its hashes says.
    ///
    /// ```text
    ///     # via mpmath
    ///     # via
    ///     #   -r engines.in
    ///     #   transformers
    /// ```
    fn asked_for_by(&self) -> impl Iterator<Item = &'a str> {
        let comments = self.text.lines().filter_map(|it| it.trim().strip_prefix('#'));
        comments.map(|it| it.trim().strip_prefix("via").unwrap_or(it).trim())
    }
}

/// The pinned package of a source.
pub(super) fn pinned(source: Supply) -> Requirement<'static> {
    let found = requirements(ENGINES).into_iter().find(|it| it.name == source.package());
    found.expect("a test finds every source in the lock")
}

/// The packages that `engines` need: their roots and, by the lock's own comments, all that these ask
/// for.
fn closure(engines: &[Supply]) -> BTreeSet<&'static str> {
    let all = requirements(ENGINES);
    let mut taken: BTreeSet<&str> =
        engines.iter().flat_map(|it| it.roots().iter().copied()).collect();
    loop {
        let before = taken.len();
        let asked = all.iter().filter(|it| it.asked_for_by().any(|it| taken.contains(it)));
        let asked: Vec<&str> = asked.map(|it| it.name).collect();
        taken.extend(asked);
        if taken.len() == before {
            return taken;
        }
    }
}

/// Whether a package is there for torch's CUDA build alone.
pub(super) fn is_cuda(name: &str) -> bool {
    name.starts_with("nvidia-") || name.starts_with("cuda-") || name == "triton"
}

/// The part of the lock that `engines` install: all that they need, or without torch and what only
/// its CUDA build needs where torch comes from elsewhere.
pub(super) fn for_engines(engines: &[Supply], torch: &TorchSource) -> String {
    let taken = closure(engines);
    let elsewhere = *torch != TorchSource::Locked;
    requirements(ENGINES)
        .iter()
        .filter(|it| taken.contains(it.name))
        .filter(|it| !(elsewhere && (it.name == "torch" || is_cuda(it.name))))
        .map(|it| it.text)
        .collect()
}

/// The locked versions by package name.
pub(super) fn versions(lock: &str) -> BTreeMap<&str, &str> {
    requirements(lock).iter().map(|it| (it.name, it.version)).collect()
}

/// SHA-256 of the engines' lock file, in hex: evidence names the environment by it.
pub fn engines_lock_digest() -> String {
    hex_digest(&[ENGINES])
}

/// SHA-256 of the parts, in hex; the parts' borders count.
pub(super) fn hex_digest<T: AsRef<[u8]>>(parts: &[T]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        if parts.len() > 1 {
            hasher.update((part.as_ref().len() as u64).to_le_bytes());
        }
        hasher.update(part.as_ref());
    }
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all text");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_locked_package_has_a_hash_and_one_version() {
        for lock in [ENGINES, BOOTSTRAP] {
            let all = requirements(lock);
            assert!(!all.is_empty());
            assert_eq!(all.len(), versions(lock).len(), "a package is locked at two versions");
            for it in all {
                assert!(it.text.contains("--hash=sha256:"), "{} has no hash", it.name);
            }
        }
        let locked = versions(ENGINES);
        for (name, version) in [("transformers", "5.24.0"), ("mlx-lm", "0.32.2")] {
            assert_eq!(locked[name], version);
        }
        for name in ["torch", "mlx", "mlx-cpu", "mlx-metal", "safetensors", "numpy"] {
            assert!(locked.contains_key(name), "{name}");
        }
    }

    #[test]
    fn locks_name_no_host_and_no_path_of_ours() {
        for lock in [ENGINES, BOOTSTRAP] {
            assert!(!lock.contains("://") && !lock.contains("--index") && !lock.contains(" /"));
        }
    }

    const BOTH: [Supply; 2] = [Supply::Torch, Supply::Mlx];

    fn kept(engines: &[Supply], torch: &TorchSource) -> BTreeSet<String> {
        let text = for_engines(engines, torch);
        versions(&text).into_keys().map(str::to_owned).collect()
    }

    #[test]
    fn a_cpu_index_leaves_out_torch_and_cuda_and_nothing_else() {
        let source = TorchSource::Index { url: "http://127.0.0.1/".into() };
        let kept = kept(&BOTH, &source);
        for name in versions(ENGINES).keys() {
            assert_eq!(kept.contains(*name), *name != "torch" && !is_cuda(name), "{name}");
        }
        assert!(kept.len() > 30 && kept.len() + 15 < versions(ENGINES).len());
    }

    #[test]
    fn both_engines_take_the_whole_lock() {
        let all: BTreeSet<String> = versions(ENGINES).into_keys().map(str::to_owned).collect();
        assert_eq!(kept(&BOTH, &TorchSource::Locked), all);
    }

    #[test]
    fn mlx_alone_takes_nothing_of_torch_and_torch_alone_nothing_of_mlx() {
        let mlx = kept(&[Supply::Mlx], &TorchSource::Locked);
        assert!(mlx.iter().all(|it| it != "torch" && it != "sympy" && !is_cuda(it)), "{mlx:?}");
        for name in ["mlx", "mlx-cpu", "mlx-metal", "mlx-lm", "transformers", "tokenizers", "numpy"]
        {
            assert!(mlx.contains(name), "{name}");
        }
        let torch = kept(&[Supply::Torch], &TorchSource::Locked);
        assert!(torch.iter().all(|it| !it.starts_with("mlx")), "{torch:?}");
        for name in ["torch", "triton", "transformers", "tokenizers", "safetensors", "mpmath"] {
            assert!(torch.contains(name), "{name}");
        }
    }

    #[test]
    fn every_source_is_one_locked_package_of_python_files() {
        for source in Supply::sources(&Supply::ALL) {
            let pinned = pinned(source);
            assert_eq!(pinned.name, source.package());
            // A wheel and a source archive: a package with compiled parts has a wheel a system.
            assert_eq!(pinned.hashes().len(), 2, "{}", pinned.name);
            assert!(!pinned.text.contains(';'), "{} depends on the system", pinned.name);
        }
    }
}
