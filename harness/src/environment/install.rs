//! Builds one environment in place: a virtual environment is not relocatable, so the mark comes last.

use std::{fs, path::Path, time::Instant};

use super::{
    child::Sign,
    complete::{self, Complete},
    download::download,
    error::SetupError,
    home::Home,
    lock::{self, engines_lock_digest, hex_digest},
    python::Interpreter,
    settings::{Settings, TorchSource},
    sizes::{SIZES, platform},
    supply::Supply,
    uv::{Uv, remove, step},
};
use crate::{
    cancel::Cancel,
    progress::{Progress, Step},
};

/// All that a build depends on.
pub(super) struct Build<'a> {
    pub(super) home: &'a Home,
    /// [`folder_name`] in the home.
    pub(super) folder: &'a Path,
    pub(super) settings: &'a Settings,
    /// What it is to serve.
    pub(super) engines: &'a [Supply],
    pub(super) python: &'a Interpreter,
    pub(super) uv: &'a Uv,
}

/// `engines-<12 hex>`: other packages, another Python or source of torch is another folder.
pub(super) fn folder_name(engines: &[Supply], settings: &Settings, python: &Interpreter) -> String {
    let key =
        if engines.contains(&Supply::Torch) { complete::key(settings) } else { String::new() };
    let lock = lock::for_engines(engines, &settings.torch);
    let digest = hex_digest(&[lock.as_str(), python.minor(), &key]);
    format!("engines-{}", &digest[..12])
}

impl Build<'_> {
    /// Removes what is there, builds, and marks the result as complete.
    pub(super) fn run(
        &self,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Complete, SetupError> {
        remove(self.folder)?;
        self.fill(self.folder, progress, cancel).inspect_err(|_| {
            // Gives the space back; the error that brought us here is the one to report.
            let _ = remove(self.folder);
        })
    }

    fn fill(
        &self,
        folder: &Path,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Complete, SetupError> {
        let started = Instant::now();
        let mut venv = self.uv.command(self.home);
        venv.args(["venv", "--no-project", "--python"]).arg(&self.python.path).arg(folder);
        step("uv venv", &mut venv, self.home, cancel, &mut |_| {})?;

        let requirements = folder.join("requirements.lock");
        fs::write(&requirements, lock::for_engines(self.engines, &self.settings.torch))
            .map_err(SetupError::io("write", &requirements))?;
        let total = self.measured_bytes();
        {
            let bytes = Step::start(progress, "engine packages, bytes", total);
            let mut written = Written { bytes: &bytes, limit: total, done: 0, unpacked: 0 };
            let mut sync = self.uv.command(self.home);
            sync.args(["pip", "sync", "--require-hashes", "--only-binary", ":all:", "--python"]);
            sync.arg(complete::python_of(folder)).arg(&requirements);
            let on = &mut |it: &Sign<'_>| written.on(it);
            download(self.uv, "uv pip sync", &mut sync, self.home, cancel, on)?;
        }
        if let TorchSource::Index { url } = &self.settings.torch
            && self.engines.contains(&Supply::Torch)
        {
            self.torch_from(url, folder, progress, cancel)?;
        }

        let site_packages = complete::site_packages(folder, &self.python.version);
        let versions =
            complete::installed(&site_packages).map_err(SetupError::io("read", &site_packages))?;
        let complete = Complete {
            lock_digest: engines_lock_digest(),
            torch_key: complete::key(self.settings),
            torch: self.settings.torch.shown(),
            base_python: self.python.path.clone(),
            python_version: self.python.version.clone(),
            uv_version: self.uv.version.clone(),
            disk_bytes: total.unwrap_or_default(),
            seconds: started.elapsed().as_secs_f64(),
            versions,
        };
        complete.write(folder)?;
        Ok(complete)
    }

    /// Torch of the locked version from the user's index, which alone is asked.
    fn torch_from(
        &self,
        url: &str,
        folder: &Path,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<(), SetupError> {
        let _step = Step::start(progress, "torch from PORTWRIGHT_TORCH_INDEX", None);
        let locked = lock::versions(lock::ENGINES)["torch"];
        let mut torch = self.uv.command(self.home);
        torch.args(["pip", "install", "--no-deps", "--only-binary", ":all:", "--python"]);
        torch.arg(complete::python_of(folder)).arg(format!("torch=={locked}"));
        // By the environment, since other users can read a command line and the URL may hold a
        // password; and no second index may answer for torch.
        torch.env("UV_DEFAULT_INDEX", url);
        for name in ["UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"] {
            torch.env_remove(name);
        }
        let failed = |tail: String| SetupError::TorchIndex { tail };
        step("uv pip install torch", &mut torch, self.home, cancel, &mut |_| {}).map_err(
            |err| match err {
                SetupError::Command { tail, .. }
                | SetupError::NoWheel { tail }
                | SetupError::Network { tail } => {
                    failed(tail.replace(url, "PORTWRIGHT_TORCH_INDEX"))
                }
                other => other,
            },
        )?;
        let site_packages = complete::site_packages(folder, &self.python.version);
        match cuda_requirement(&site_packages) {
            None => Ok(()),
            Some(line) => Err(failed(format!("its torch is a CUDA build: `{line}`"))),
        }
    }

    /// What the packages of the lock take on disk, as measured.
    fn measured_bytes(&self) -> Option<u64> {
        let lock = lock::for_engines(self.engines, &self.settings.torch);
        let names = lock::versions(&lock);
        let packages = SIZES.engines(&platform())?;
        let sizes = packages.iter().filter(|(name, _)| names.contains_key(name.as_str()));
        Some(sizes.map(|(_, size)| size.disk).sum())
    }
}

/// The first CUDA library that the installed torch asks for.
fn cuda_requirement(site_packages: &Path) -> Option<String> {
    let entries = fs::read_dir(site_packages).ok()?;
    let info = entries.filter_map(|it| it.ok().map(|it| it.path())).find(|it| {
        let name = it.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("torch-") && name.ends_with(".dist-info")
    })?;
    let metadata = fs::read_to_string(info.join("METADATA")).ok()?;
    let mut asked = metadata.lines().filter_map(|it| it.strip_prefix("Requires-Dist: "));
    asked.find(|it| lock::is_cuda(it) && !it.contains("extra ==")).map(str::to_owned)
}

/// Turns what uv does into bytes: what it wrote so far, or else the packages that it has finished.
struct Written<'a> {
    bytes: &'a Step<'a>,
    limit: Option<u64>,
    done: u64,
    unpacked: u64,
}

impl Written<'_> {
    fn on(&mut self, sign: &Sign<'_>) {
        let reached = match sign {
            Sign::Line(line) => {
                // ` Downloaded torch`: one of the larger packages has been unpacked.
                let Some(name) = line.trim().strip_prefix("Downloaded ") else { return };
                let Some(packages) = SIZES.engines(&platform()) else { return };
                self.unpacked += packages.get(name.trim()).map_or(0, |it| it.disk);
                self.unpacked
            }
            Sign::Tick(id) => bytes_written(*id).unwrap_or_default(),
        };
        let reached = reached.min(self.limit.unwrap_or(u64::MAX));
        if reached > self.done {
            self.bytes.advance(reached - self.done);
            self.done = reached;
        }
    }
}

/// What a process has written so far. Linux counts it; uv unpacks while it downloads, so this
/// grows evenly, which whole packages of 500 MB do not.
fn bytes_written(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    text.lines().find_map(|it| it.strip_prefix("wchar: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_python_or_torch_source_is_another_folder() {
        let python = |version: &str| Interpreter {
            path: "/usr/bin/python3".into(),
            version: version.into(),
            has_ensurepip: true,
        };
        let index = |url: &str| Settings {
            torch: TorchSource::Index { url: url.into() },
            ..Settings::default()
        };
        let locked = Settings::default();
        let both = [Supply::Torch, Supply::Mlx];
        let name = folder_name(&both, &locked, &python("3.11.7"));
        assert_eq!(name, folder_name(&both, &locked, &python("3.11.9")));
        assert_ne!(name, folder_name(&both, &locked, &python("3.12.1")));
        assert_ne!(name, folder_name(&both, &index("https://a/"), &python("3.11.7")));
        assert_ne!(name, folder_name(&[Supply::Mlx], &locked, &python("3.11.7")));
        assert_eq!(name.len(), "engines-".len() + 12);
    }

    #[test]
    fn a_cuda_build_of_torch_is_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let info = dir.path().join("torch-2.15.0.dist-info");
        fs::create_dir(&info).unwrap();
        fs::write(info.join("METADATA"), "Name: torch\nRequires-Dist: sympy>=1.13\n").unwrap();
        assert_eq!(cuda_requirement(dir.path()), None);
        let cuda =
            "Name: torch\nRequires-Dist: nvidia-cudnn-cu13==9.26; platform_system == \"Linux\"";
        fs::write(info.join("METADATA"), cuda).unwrap();
        assert!(cuda_requirement(dir.path()).unwrap().starts_with("nvidia-cudnn"));
    }
}
