//! What setup would do, said before a byte is downloaded.

use std::{cmp::Reverse, collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    complete,
    error::SetupError,
    home::Home,
    lock,
    machine::free_disk,
    python::{self, Interpreter},
    settings::{Settings, ShownTorchSource, TorchSource},
    sizes::{Group, SIZES, human, platform},
    uv::{self, Uv},
};
use crate::cancel::Cancel;

/// What setup would download and keep. All sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// E.g. `linux-x86_64`.
    pub platform: String,
    /// The folder that would be filled.
    pub home: PathBuf,
    /// The environment is there: setup has nothing to do, and the sizes below are zero.
    pub ready: bool,
    /// Where torch comes from.
    pub torch: ShownTorchSource,
    /// What is missing, the largest first.
    pub groups: Vec<PlannedGroup>,
    /// The sum over the groups; zero when everything is in uv's cache already.
    pub download_bytes: u64,
    pub disk_bytes: u64,
    /// Free space on the disk that holds `home`.
    pub free_bytes: Option<u64>,
    /// Every package is in uv's cache already, so nothing is downloaded.
    pub cached: bool,
    /// Packages whose size is not known beforehand: they come from the user's own index.
    pub unmeasured: Vec<String>,
    /// The day on which the sizes were measured.
    pub measured_on: String,
    /// The Python whose wheels were measured, e.g. `3.11`.
    pub measured_python: String,
    /// How to download less, where there is a way.
    pub leaner: Option<Leaner>,
}

/// Packages that serve one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedGroup {
    pub group: Group,
    /// `CUDA libraries that torch asks for`
    pub title: String,
    /// Name and version, e.g. `torch 2.15.0`.
    pub packages: Vec<String>,
    pub download_bytes: u64,
    pub disk_bytes: u64,
}

/// A smaller installation that the user can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leaner {
    pub saves_download_bytes: u64,
    pub saves_disk_bytes: u64,
    /// What to do, in one sentence.
    pub how: String,
}

/// What [`ensure`](super::ensure) would do now. Downloads and changes nothing.
pub fn plan(home: &Home) -> Result<Plan, SetupError> {
    let settings = Settings::from_environment();
    if complete::find(home, &settings).is_some() {
        return of(home, &settings, None, None);
    }
    let python = python::find(&settings, &Cancel::default()).ok();
    of(home, &settings, uv::find(home, &settings).as_ref(), python.as_ref())
}

/// The plan for what is missing; without a Python or a `uv`, uv's cache is taken to be empty.
pub(super) fn of(
    home: &Home,
    settings: &Settings,
    uv: Option<&Uv>,
    python: Option<&Interpreter>,
) -> Result<Plan, SetupError> {
    let platform = platform();
    let packages = SIZES
        .engines(&platform)
        .ok_or_else(|| SetupError::Platform { platform: platform.clone() })?;
    let ready = complete::find(home, settings).is_some();
    let lock = lock::for_source(&settings.torch);
    let wanted = lock::versions(&lock);
    let mut groups: BTreeMap<Group, PlannedGroup> = BTreeMap::new();
    let sizes = packages.iter().map(|(name, size)| (name.as_str(), size));
    let sizes = sizes.filter(|(name, _)| wanted.contains_key(name));
    let installer = SIZES.uv(&platform).filter(|_| uv.is_none());
    for (name, size) in sizes.chain(installer.map(|it| ("uv", it))).filter(|_| !ready) {
        let group = Group::of(name);
        let entry = groups.entry(group).or_insert_with(|| PlannedGroup {
            group,
            title: group.title().to_owned(),
            packages: Vec::new(),
            download_bytes: 0,
            disk_bytes: 0,
        });
        entry.packages.push(format!("{name} {}", size.version));
        entry.download_bytes += size.download;
        entry.disk_bytes += size.disk;
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|it| Reverse(it.disk_bytes));
    let cached =
        !ready && uv.zip(python).is_some_and(|(uv, python)| uv.has_all(home, &lock, python));
    let download: u64 = groups.iter().map(|it| it.download_bytes).sum();
    let from_index = !ready && settings.torch != TorchSource::Locked;
    Ok(Plan {
        home: home.path().to_owned(),
        ready,
        torch: settings.torch.shown(),
        download_bytes: if cached { 0 } else { download },
        disk_bytes: groups.iter().map(|it| it.disk_bytes).sum(),
        free_bytes: free_disk(home.existing()),
        cached,
        unmeasured: if from_index { vec!["torch".into()] } else { Vec::new() },
        measured_on: SIZES.date.clone(),
        measured_python: SIZES.python.clone(),
        leaner: leaner(&groups),
        groups,
        platform,
    })
}

fn leaner(groups: &[PlannedGroup]) -> Option<Leaner> {
    let cuda = groups.iter().find(|it| it.group == Group::TorchCuda)?;
    Some(Leaner {
        saves_download_bytes: cuda.download_bytes,
        saves_disk_bytes: cuda.disk_bytes,
        how: "set PORTWRIGHT_TORCH_INDEX to the URL of a package index with CPU builds of torch; \
              the CUDA libraries are then left out, and torch itself is smaller too"
            .into(),
    })
}

impl Plan {
    /// The plan in sentences, each worth a line: what, how large, where, and how to have it smaller.
    pub fn sentences(&self) -> Vec<String> {
        let home = self.home.display();
        if self.ready {
            return vec![format!("the engines are set up in {home}")];
        }
        let at_least = if self.unmeasured.is_empty() { "" } else { "at least " };
        let (download, disk) = (human(self.download_bytes), human(self.disk_bytes));
        let mut lines = vec![if self.cached {
            format!("the engines take {at_least}{disk} in {home}; uv's cache has their packages")
        } else {
            format!(
                "the engines are {at_least}{download} to download and {disk} on disk, in {home}"
            )
        }];
        let parts = self.groups.iter().map(|it| {
            let (download, disk) = (human(it.download_bytes), human(it.disk_bytes));
            if self.cached {
                format!("{} {disk}", it.title)
            } else {
                format!("{} {download} ({disk})", it.title)
            }
        });
        let label = if self.cached { "on disk" } else { "download (on disk)" };
        lines.push(format!("{label}: {}", parts.collect::<Vec<_>>().join(", ")));
        if !self.unmeasured.is_empty() {
            lines.push(
                "torch comes from PORTWRIGHT_TORCH_INDEX; its size is not known before".into(),
            );
        }
        if let Some(leaner) = self.leaner.as_ref().filter(|_| !self.cached) {
            let (download, disk) =
                (human(leaner.saves_download_bytes), human(leaner.saves_disk_bytes));
            lines.push(format!("{download} less to download, {disk} less on disk: {}", leaner.how));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(torch: TorchSource) -> Plan {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        of(&home, &Settings { torch, ..Settings::default() }, None, None).unwrap()
    }

    #[test]
    fn the_plan_states_every_group_and_their_sum() {
        let plan = planned(TorchSource::Locked);
        assert!(!plan.ready && !plan.cached && plan.unmeasured.is_empty());
        let sum: u64 = plan.groups.iter().map(|it| it.download_bytes).sum();
        assert_eq!(plan.download_bytes, sum);
        for group in [Group::Uv, Group::Torch, Group::Mlx, Group::Rest] {
            assert!(plan.groups.iter().any(|it| it.group == group), "{group:?}");
        }
        assert_eq!(plan.leaner.is_some(), plan.platform.starts_with("linux"));
    }

    #[test]
    fn a_cpu_index_plans_no_cuda_and_says_that_torch_is_not_measured() {
        let plan = planned(TorchSource::Index { url: "https://user:s3cret@x.example/cpu".into() });
        let out = [Group::Torch, Group::TorchCuda];
        assert!(plan.groups.iter().all(|it| !out.contains(&it.group)));
        assert_eq!(plan.unmeasured, ["torch"]);
        assert_eq!(plan.leaner, None);
        let text = plan.sentences().join("\n");
        assert!(text.contains("at least") && !text.contains("s3cret"), "{text}");
    }
}
