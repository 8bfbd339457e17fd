//! What setup would do, said before a byte is downloaded.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    error::SetupError,
    home::Home,
    lock,
    machine::free_disk,
    python::{self, Interpreter},
    settings::{Settings, ShownTorchSource, TorchSource},
    setup::Found,
    sizes::{Group, SIZES, Size, human, platform},
    supply::Supply,
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
    /// What is to be set up.
    pub needs: Vec<Supply>,
    /// All of it is there: setup has nothing to do, and the sizes below are zero.
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

/// What [`ensure`](super::ensure) would do for `needs` now. Downloads and changes nothing.
pub fn plan(home: &Home, needs: &[Supply]) -> Result<Plan, SetupError> {
    let settings = Settings::from_environment();
    let missing = Found::look(home, &settings, needs).missing;
    if Supply::engines(&missing).is_empty() {
        return of(home, &settings, needs, None, None);
    }
    let python = python::find(&settings, &Cancel::default()).ok();
    of(home, &settings, needs, uv::find(home, &settings).as_ref(), python.as_ref())
}

/// The plan for what is missing; without a Python or a `uv`, uv's cache is taken to be empty. Sources
/// take neither.
pub(super) fn of(
    home: &Home,
    settings: &Settings,
    needs: &[Supply],
    uv: Option<&Uv>,
    python: Option<&Interpreter>,
) -> Result<Plan, SetupError> {
    let platform = platform();
    let missing = Found::look(home, settings, needs).missing;
    let ready = missing.is_empty();
    let engines = Supply::engines(&missing);
    if !engines.is_empty() && SIZES.engines(&platform).is_none() {
        return Err(SetupError::Platform { platform });
    }
    let lock = lock::for_engines(&engines, &settings.torch);
    let brought: BTreeSet<String> = lock::versions(&lock).into_keys().map(str::to_owned).collect();
    let mut costs: Vec<(Group, &str, &Size)> = SIZES
        .engines(&platform)
        .into_iter()
        .flatten()
        .filter(|(name, _)| brought.contains(*name))
        .map(|(name, size)| (Group::of(name), name.as_str(), size))
        .collect();
    for source in Supply::sources(&missing) {
        let package = source.package();
        if !brought.contains(package) {
            costs.extend(SIZES.source(package).map(|it| (Group::Sources, package, it)));
        }
    }
    let installer = SIZES.uv(&platform).filter(|_| uv.is_none() && !engines.is_empty());
    costs.extend(installer.map(|it| (Group::Uv, "uv", it)));
    let mut groups = grouped(&costs);
    // Sources do not come by uv, so its cache says nothing of them.
    let engines_cached = !engines.is_empty()
        && uv.zip(python).is_some_and(|(uv, python)| uv.has_all(home, &lock, python));
    let cached = engines_cached && groups.iter().all(|it| it.group != Group::Sources);
    if engines_cached && !cached {
        let by_uv = groups.iter_mut().filter(|it| it.group != Group::Sources);
        by_uv.for_each(|it| it.download_bytes = 0);
    }
    let download: u64 = groups.iter().map(|it| it.download_bytes).sum();
    let from_index = engines.contains(&Supply::Torch) && settings.torch != TorchSource::Locked;
    Ok(Plan {
        home: home.path().to_owned(),
        needs: needs.to_vec(),
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

/// The groups with their sums, the largest first.
fn grouped(costs: &[(Group, &str, &Size)]) -> Vec<PlannedGroup> {
    let mut groups: BTreeMap<Group, PlannedGroup> = BTreeMap::new();
    for (group, name, size) in costs {
        let entry = groups.entry(*group).or_insert_with(|| PlannedGroup {
            group: *group,
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
    groups
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
        let what = Supply::told(&self.needs);
        if self.ready {
            return vec![format!("set up in {home}: {what}")];
        }
        let at_least = if self.unmeasured.is_empty() { "" } else { "at least " };
        let (download, disk) = (human(self.download_bytes), human(self.disk_bytes));
        let mut lines = vec![if self.cached {
            format!("{what}: {at_least}{disk} on disk, in {home}; uv's cache has the packages")
        } else {
            format!("{what}: {at_least}{download} to download, {disk} on disk, in {home}")
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
        if self.groups.len() > 1 {
            lines.push(format!("{label}: {}", parts.collect::<Vec<_>>().join(", ")));
        }
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

    fn planned(needs: &[Supply], torch: TorchSource) -> Plan {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        of(&home, &Settings { torch, ..Settings::default() }, needs, None, None).unwrap()
    }

    #[test]
    fn the_plan_states_every_group_and_their_sum() {
        let plan = planned(&Supply::ALL, TorchSource::Locked);
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
        let index = TorchSource::Index { url: "https://user:s3cret@x.example/cpu".into() };
        let plan = planned(&Supply::ALL, index);
        let out = [Group::Torch, Group::TorchCuda];
        assert!(plan.groups.iter().all(|it| !out.contains(&it.group)));
        assert_eq!(plan.unmeasured, ["torch"]);
        assert_eq!(plan.leaner, None);
        let text = plan.sentences().join("\n");
        assert!(text.contains("at least") && !text.contains("s3cret"), "{text}");
    }

    /// Groups without the installer, which is told apart.
    fn groups(needs: &[Supply]) -> Vec<Group> {
        let mut groups: Vec<Group> =
            planned(needs, TorchSource::Locked).groups.iter().map(|it| it.group).collect();
        groups.retain(|it| *it != Group::Uv);
        groups.sort();
        groups
    }

    #[test]
    fn no_more_is_planned_than_is_needed() {
        let bytes = |needs: &[Supply]| planned(needs, TorchSource::Locked).download_bytes;
        assert_eq!(groups(&[Supply::Transformers, Supply::MlxLm]), [Group::Sources]);
        assert_eq!(groups(&[Supply::Mlx, Supply::Transformers]), [Group::Mlx, Group::Rest]);
        assert!(!groups(&[Supply::Torch]).contains(&Group::Mlx));
        let installer = SIZES.uv(&platform()).unwrap().download;
        let sources = [Supply::Transformers, Supply::MlxLm];
        let sizes = sources.map(|it| SIZES.source(it.package()).unwrap().download);
        assert_eq!(bytes(&sources), sizes.iter().sum::<u64>(), "sources need no installer");
        assert!(bytes(&[Supply::Mlx]) - installer < 150_000_000);
        // A source that the engine brings costs nothing.
        assert_eq!(
            bytes(&[Supply::Mlx]),
            bytes(&[Supply::Mlx, Supply::Transformers, Supply::MlxLm])
        );
        assert!(bytes(&[Supply::Torch]) < bytes(&[Supply::Torch, Supply::MlxLm]));
    }
}
