//! What the locked packages cost: measured figures, by platform and by what they are for.

use std::{collections::BTreeMap, env::consts, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lock::is_cuda;

/// The measurements; `measure_sizes.py` beside the file makes it again.
const TABLE: &str = include_str!("../../workers/sizes.toml");

/// One package on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    pub(super) version: String,
    /// Bytes of the wheel.
    pub(super) download: u64,
    /// Bytes of its files once unpacked.
    pub(super) disk: u64,
}

/// Platform -> package -> size.
type Packages = BTreeMap<String, BTreeMap<String, Size>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    /// The day of the measurement.
    pub(super) date: String,
    /// The Python whose wheels were measured; those of its neighbours differ by a few per cent.
    pub(super) python: String,
    engines: Packages,
    bootstrap: Packages,
}

pub(super) static SIZES: LazyLock<Sizes> =
    LazyLock::new(|| toml::from_str(TABLE).expect("a test parses the embedded sizes"));

impl Sizes {
    /// The engines' packages on `platform`, or `None` where they do not run.
    pub(super) fn engines(&self, platform: &str) -> Option<&BTreeMap<String, Size>> {
        self.engines.get(platform)
    }

    /// A package of Python files alone, which is the same on every platform.
    pub(super) fn source(&self, package: &str) -> Option<&Size> {
        self.engines.values().find_map(|it| it.get(package))
    }

    /// The size of `uv` itself.
    pub(super) fn uv(&self, platform: &str) -> Option<&Size> {
        self.bootstrap.get(platform)?.get("uv")
    }
}

/// This machine's platform, as the table names it: `linux-x86_64`, `macos-aarch64`.
pub fn platform() -> String {
    format!("{}-{}", consts::OS, consts::ARCH)
}

/// What a package is there for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The installer.
    Uv,
    /// Torch itself, the reference.
    Torch,
    /// The CUDA libraries and Triton, which torch's Linux wheels ask for.
    TorchCuda,
    /// MLX and mlx-lm, the port's side.
    Mlx,
    /// transformers and what the others build on.
    Rest,
    /// Source files without their dependencies.
    Sources,
}

impl Group {
    pub(super) fn of(package: &str) -> Self {
        match package {
            "uv" => Self::Uv,
            "torch" => Self::Torch,
            _ if is_cuda(package) => Self::TorchCuda,
            _ if package.starts_with("mlx") => Self::Mlx,
            _ => Self::Rest,
        }
    }

    /// What a person reads in the plan.
    pub fn title(self) -> &'static str {
        match self {
            Self::Uv => "uv, the installer",
            Self::Torch => "torch",
            Self::TorchCuda => "CUDA libraries that torch asks for",
            Self::Mlx => "MLX and mlx-lm",
            Self::Rest => "transformers and the rest",
            Self::Sources => "source files",
        }
    }
}

/// `2912345678` -> `2.9 GB` (decimal units, as disks and downloads are sold).
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let tenths = (bytes + unit / 20) / (unit / 10);
            return match tenths {
                100.. => format!("{} {name}", (tenths + 5) / 10),
                _ => format!("{}.{} {name}", tenths / 10, tenths % 10),
            };
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::lock::{BOOTSTRAP, ENGINES, versions};

    /// Names only: whether a package is for a platform is uv's business.
    fn on_every_platform(name: &str) -> bool {
        !is_cuda(name) && !["colorama", "httpx2-jsfetch", "mlx-cpu", "mlx-metal"].contains(&name)
    }

    #[test]
    fn measured_versions_are_the_locked_ones() {
        for (lock, table) in [(ENGINES, &SIZES.engines), (BOOTSTRAP, &SIZES.bootstrap)] {
            let locked = versions(lock);
            let platforms: Vec<&str> = table.keys().map(String::as_str).collect();
            assert_eq!(platforms, ["linux-aarch64", "linux-x86_64", "macos-aarch64"]);
            for (platform, packages) in table {
                for (name, size) in packages {
                    let version = Some(size.version.as_str());
                    assert_eq!(locked.get(name.as_str()).copied(), version, "{name}, {platform}");
                    assert!(0 < size.download && 0 < size.disk, "{name}, {platform}");
                }
                for name in locked.keys().filter(|it| on_every_platform(it)) {
                    assert!(packages.contains_key(*name), "{name} is not measured on {platform}");
                }
            }
        }
    }

    #[test]
    fn cuda_is_measured_where_torch_asks_for_it() {
        let cuda = |platform: &str| {
            let packages = SIZES.engines(platform).unwrap();
            packages.keys().filter(|it| is_cuda(it)).count()
        };
        assert!(cuda("linux-x86_64") > 15 && cuda("linux-aarch64") > 15);
        assert_eq!(cuda("macos-aarch64"), 0);
    }

    #[test]
    fn sizes_read_well() {
        let read = |bytes| human(bytes);
        assert_eq!([read(999), read(1_500), read(95_400_000)], ["999 B", "1.5 kB", "95 MB"]);
        assert_eq!([read(5_673_086_927), read(9_999_999_999)], ["5.7 GB", "10 GB"]);
    }
}
