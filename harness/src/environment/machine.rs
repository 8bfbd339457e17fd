//! The machine's facts: cores, memory, disk, accelerators.

use std::{fs, path::Path, process::Command, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    child::{Ended, run},
    settings::Settings,
};
use crate::cancel::Cancel;

/// What engines have to live with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// E.g. `linux-x86_64`.
    pub platform: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes of memory that this process may use (a container's limit counts).
    pub memory_bytes: Option<u64>,
    /// Accelerators first; the CPU is always there.
    pub devices: Vec<Device>,
}

/// Where an engine can compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Device {
    /// As `nvidia-smi` names it.
    Cuda {
        name: String,
        memory: String,
    },
    Metal,
    Cpu,
}

/// How many threads compute at a time.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Machine {
    pub fn look(settings: &Settings) -> Self {
        Self {
            platform: super::sizes::platform(),
            cores: cores(),
            memory_bytes: memory_bytes(),
            devices: devices(settings),
        }
    }
}

/// Free bytes for us on the file system of `path`.
pub(super) fn free_disk(path: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(path).ok()?;
    // The width of both differs between systems.
    #[allow(clippy::useless_conversion, reason = "`u64` on Linux, narrower on macOS")]
    Some(u64::from(stat.blocks_available()) * u64::from(stat.fragment_size()))
}

/// Bytes of memory that this process may use.
pub(crate) fn memory_bytes() -> Option<u64> {
    let Ok(info) = fs::read_to_string("/proc/meminfo") else {
        return say(Command::new("sysctl").args(["-n", "hw.memsize"]))?.trim().parse().ok();
    };
    let total = info.lines().find_map(|it| it.strip_prefix("MemTotal:"))?;
    let total = total.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|it| it.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(total.min(limit))
}

fn devices(settings: &Settings) -> Vec<Device> {
    let mut devices = Vec::new();
    if let Some(smi) = settings.find("nvidia-smi") {
        let query = ["--query-gpu=name,memory.total", "--format=csv,noheader"];
        let said = say(Command::new(smi).args(query)).unwrap_or_default();
        devices.extend(said.lines().filter_map(|it| {
            let (name, memory) = it.rsplit_once(", ")?;
            Some(Device::Cuda { name: name.to_owned(), memory: memory.to_owned() })
        }));
    }
    if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        devices.push(Device::Metal);
    }
    devices.push(Device::Cpu);
    devices
}

fn say(command: &mut Command) -> Option<String> {
    let patience = Some(Duration::from_secs(10));
    match run(command, patience, &Cancel::default(), &mut |_| {}).ok()? {
        Ended::Exited { status, said, .. } if status.success() => Some(said),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::python::tests::script;

    #[test]
    fn graphics_cards_are_read_from_nvidia_smi() {
        let dir = tempfile::tempdir().unwrap();
        script(dir.path(), "nvidia-smi", "echo 'NVIDIA H100 80GB HBM3, 81559 MiB'");
        let settings = Settings { search_path: dir.path().into(), ..Settings::default() };
        let card =
            Device::Cuda { name: "NVIDIA H100 80GB HBM3".into(), memory: "81559 MiB".into() };
        assert_eq!(devices(&settings)[0], card);
        script(dir.path(), "nvidia-smi", "echo 'no devices were found'; exit 6");
        assert!(!matches!(devices(&settings)[0], Device::Cuda { .. }));
    }

    #[test]
    fn the_machine_has_memory_and_disk() {
        let machine = Machine::look(&Settings::default());
        assert!(machine.cores > 0 && machine.memory_bytes.is_some_and(|it| it > 1 << 28));
        assert!(free_disk(Path::new("/")).is_some());
    }
}
