//! What is there, what is missing, what is broken, and how to mend it. Starts no engine.

use std::{
    env,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    complete::{self, Complete},
    error::SetupError,
    home::Home,
    index::{self, Index},
    lock::{self, engines_lock_digest},
    machine::{Device, Machine, free_disk},
    plan::{self, Plan},
    python::{self, Interpreter},
    settings::{Settings, ShownTorchSource, VARIABLES},
    sizes::human,
    source,
    supply::Supply,
    uv::{self, Uv},
};
use crate::{cancel::Cancel, hint::Hint};

/// The state of everything that the engines need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Doctor {
    /// The engines are there, or setup can make them: nothing below is broken.
    pub able: bool,
    pub items: Vec<Item>,
    pub machine: Machine,
    /// What setup would do; absent where the engines do not run.
    pub plan: Option<Plan>,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// What was looked at, e.g. `python`.
    pub name: String,
    pub status: Status,
    /// What is, e.g. `3.11.7 at /usr/bin/python3`.
    pub fact: String,
    /// A command or an action that mends it.
    pub fix: Option<String>,
}

/// How an [`Item`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    /// Not there yet; setup makes it.
    Missing,
    /// Setup or the engines cannot work like this.
    Broken,
    /// Works, but worth a look.
    Warning,
}

impl Item {
    fn new(name: &str, status: Status, fact: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status, fact: fact.into(), fix: None }
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

const SETUP: &str = "portwright setup";

/// How long the package index has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at everything. Changes nothing and downloads nothing; the package index is asked whether it
/// is there.
pub fn doctor(home: &Home) -> Doctor {
    examine(home, &Settings::from_environment(), &|it| env::var_os(it).is_some())
}

fn examine(home: &Home, settings: &Settings, is_set: &dyn Fn(&str) -> bool) -> Doctor {
    let machine = Machine::look(settings);
    let python = python::find(settings, &Cancel::default());
    let uv = uv::find(home, settings);
    let found = all_of_them(home, settings);
    let plan = plan::of(home, settings, &Supply::ALL, uv.as_ref(), python.as_ref().ok());
    let ready = plan.as_ref().is_ok_and(|it| it.ready);
    let mut items = vec![
        python_item(&python, ready),
        uv_item(uv.as_ref(), python.as_ref().ok(), ready),
        engines_item(found.as_ref().map(|(folder, complete)| (folder.as_path(), complete))),
        sources_item(home, found.is_some()),
        index_item(settings, ready || plan.as_ref().is_ok_and(|it| it.cached)),
        torch_item(settings),
        disk_item(home, plan.as_ref().ok(), uv.as_ref()),
        machine_item(&machine),
    ];
    items.extend(plan.as_ref().err().map(|it| of_error("platform", it)));
    items.extend(releases(home));
    items.extend(leftovers(home));
    items.extend(variables(is_set, ready));
    let able = items.iter().all(|it| it.status != Status::Broken);
    Doctor { able, items, machine, plan: plan.ok() }
}

/// The environment that has the most engines.
fn all_of_them(home: &Home, settings: &Settings) -> Option<(PathBuf, Complete)> {
    let sets: [&[Supply]; 3] = [&[Supply::Torch, Supply::Mlx], &[Supply::Torch], &[Supply::Mlx]];
    sets.into_iter().find_map(|it| complete::find(home, settings, it))
}

fn of_error(name: &str, err: &SetupError) -> Item {
    let item = Item::new(name, Status::Broken, err.to_string());
    match err.hint() {
        Some(hint) => item.fix(hint),
        None => item,
    }
}

/// A missing Python is no fault once the engines are there: they are made from it no more.
fn python_item(python: &Result<Interpreter, SetupError>, ready: bool) -> Item {
    match python {
        Ok(it) => {
            Item::new("python", Status::Ok, format!("{} at {}", it.version, it.path.display()))
        }
        Err(err) if ready => Item { status: Status::Warning, ..of_error("python", err) },
        Err(err) => of_error("python", err),
    }
}

fn uv_item(uv: Option<&Uv>, python: Option<&Interpreter>, ready: bool) -> Item {
    match (uv, python) {
        (Some(it), _) => {
            Item::new("uv", Status::Ok, format!("{} at {}", it.version, it.path.display()))
        }
        (None, Some(python)) if !python.has_ensurepip && !ready => of_error(
            "uv",
            &SetupError::NoVenv { python: python.path.clone(), minor: python.minor().to_owned() },
        ),
        (None, _) => {
            Item::new("uv", Status::Missing, format!("setup installs {}", uv::pinned())).fix(SETUP)
        }
    }
}

fn engines_item(found: Option<(&Path, &Complete)>) -> Item {
    let Some((folder, complete)) = found else {
        return Item::new("engines", Status::Missing, "not set up").fix(SETUP);
    };
    let site_packages = complete::site_packages(folder, &complete.python_version);
    let installed = complete::installed(&site_packages).unwrap_or_default();
    let changed: Vec<String> = complete
        .versions
        .iter()
        .filter(|(name, version)| installed.get(*name) != Some(*version))
        .map(|(name, version)| match installed.get(name) {
            Some(now) => format!("{name} is {now}, but {version} was installed"),
            None => format!("{name} {version} is gone"),
        })
        .collect();
    if !changed.is_empty() {
        let folder = folder.display();
        return Item::new("engines", Status::Broken, changed.join("; "))
            .fix(format!("rm -r '{folder}' && {SETUP}"));
    }
    let shown = ["torch", "transformers", "mlx", "mlx-lm"]
        .iter()
        .filter_map(|name| complete.versions.get(*name).map(|version| format!("{name} {version}")));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let python = &complete.python_version;
    let fact = format!("{shown}, Python {python}, in {}", folder.display());
    let absent: Vec<&str> = [Supply::Torch, Supply::Mlx]
        .into_iter()
        .filter(|it| !complete.serves(*it))
        .map(Supply::id)
        .collect();
    if absent.is_empty() {
        return Item::new("engines", Status::Ok, fact);
    }
    let fact = format!("{fact}; without the engine {}", absent.join(", "));
    Item::new("engines", Status::Missing, fact).fix(SETUP)
}

/// The pinned sources that the embedded engine runs; an engine's environment holds them too.
fn sources_item(home: &Home, environment: bool) -> Item {
    let sources = Supply::sources(&Supply::ALL).into_iter().map(lock::pinned);
    let there: Vec<String> = sources
        .filter(|it| source::find(home, it).is_some())
        .map(|it| format!("{} {}", it.name, it.version))
        .collect();
    match (there.is_empty(), environment) {
        (false, _) => Item::new("sources", Status::Ok, there.join(", ")),
        (true, true) => Item::new("sources", Status::Ok, "those of the engines"),
        (true, false) => {
            let fact = "not fetched; a command that reads them fetches them";
            Item::new("sources", Status::Missing, fact)
                .fix(format!("{SETUP} --only transformers,mlx-lm"))
        }
    }
}

/// Where sources come from. No fault where nothing is to be fetched.
fn index_item(settings: &Settings, has_all: bool) -> Item {
    let asked = Index::at(&settings.index).and_then(|it| it.answers(PATIENCE));
    let (shown, from) = (settings.index.shown(), settings.index.from());
    match asked {
        Ok(()) => Item::new("index", Status::Ok, format!("{shown} answers ({from})")),
        Err(err) if has_all => Item { status: Status::Warning, ..of_error("index", &err) },
        Err(err) => of_error("index", &err),
    }
}

/// Releases of transformers that were named with `--transformers`.
fn releases(home: &Home) -> Option<Item> {
    let pinned = lock::pinned(Supply::Transformers);
    let others: Vec<String> = source::all(home)
        .into_iter()
        .filter(|(_, it)| it.name == pinned.name && it.version != pinned.version)
        .map(|(_, it)| it.version)
        .collect();
    let fact = format!("transformers {}", others.join(", "));
    (!others.is_empty()).then(|| Item::new("releases", Status::Ok, fact))
}

fn torch_item(settings: &Settings) -> Item {
    match settings.torch.shown() {
        ShownTorchSource::Locked => Item::new("torch source", Status::Ok, "the lock file"),
        ShownTorchSource::Index(url) => {
            let fact =
                format!("PORTWRIGHT_TORCH_INDEX {url}; its wheel is not held to the lock's hashes");
            Item::new("torch source", Status::Ok, fact)
        }
    }
}

fn disk_item(home: &Home, plan: Option<&Plan>, uv: Option<&Uv>) -> Item {
    let Some(free) = free_disk(home.existing()) else {
        let fact = format!("{} cannot be read", home.existing().display());
        return Item::new("disk", Status::Broken, fact)
            .fix("set PORTWRIGHT_HOME to another folder");
    };
    let place = home.path().display();
    let needed = plan.map_or(0, |it| it.disk_bytes);
    let fact = match needed {
        0 => format!("{} free at {place}", human(free)),
        _ => format!("{} free at {place}, setup needs {}", human(free), human(needed)),
    };
    if free < needed && !plan.is_some_and(|it| it.cached) {
        let err = SetupError::DiskSpace { path: home.path().to_owned(), free, needed };
        return of_error("disk", &err);
    }
    let device = |it: &Path| it.ancestors().find_map(|it| it.metadata().ok()).map(|it| it.dev());
    let cache = uv.filter(|_| needed > 0).and_then(|it| it.cache_dir(home));
    match cache {
        Some(cache) if device(&cache) != device(home.path()) => {
            let fact = format!("{fact}; uv's cache is on another disk, so packages are kept twice");
            Item::new("disk", Status::Warning, fact)
                .fix(format!("set UV_CACHE_DIR to a folder on the disk of {place}"))
        }
        _ => Item::new("disk", Status::Ok, fact),
    }
}

fn machine_item(machine: &Machine) -> Item {
    let memory = machine.memory_bytes.map_or("unknown".into(), human);
    let devices = machine.devices.iter().map(|it| match it {
        Device::Cuda { name, memory } => format!("{name} ({memory})"),
        Device::Metal => "Metal".into(),
        Device::Cpu => "CPU".into(),
    });
    let devices = devices.collect::<Vec<_>>().join(", ");
    let (platform, cores) = (&machine.platform, machine.cores);
    Item::new(
        "machine",
        Status::Ok,
        format!("{platform}, {cores} cores, {memory} memory, {devices}"),
    )
}

/// Environments that a lock of another version left, and folders that were never finished.
fn leftovers(home: &Home) -> Vec<Item> {
    let digest = engines_lock_digest();
    let of = |(folder, complete): (_, Option<Complete>)| {
        let folder: PathBuf = folder;
        let fact = match complete {
            Some(it) if it.lock_digest == digest => return None,
            Some(it) => {
                format!("{} is of another version ({})", folder.display(), human(it.disk_bytes))
            }
            None => format!("{} is unfinished", folder.display()),
        };
        let fix = format!("rm -r '{}'", folder.display());
        Some(Item::new("leftover", Status::Warning, fact).fix(fix))
    };
    let unfinished = source::unfinished(home).into_iter().map(|it| (it, None));
    complete::all(home).into_iter().chain(unfinished).filter_map(of).collect()
}

/// Variables that change how downloads go. Named only: their values may hold passwords.
const NETWORK: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "UV_CACHE_DIR",
    "UV_INDEX",
    "UV_OFFLINE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
];

fn variables(is_set: &dyn Fn(&str) -> bool, ready: bool) -> Vec<Item> {
    let names = VARIABLES.iter().map(|it| it.name).chain(NETWORK.iter().copied());
    let names = names.chain(index::VARIABLES);
    let seen: Vec<&str> = names.filter(|it| is_set(it)).collect();
    let fact = if seen.is_empty() { "none that matters".into() } else { seen.join(", ") };
    let item = Item::new("variables", Status::Ok, fact);
    let offline = seen.contains(&"UV_OFFLINE");
    let pip_only = seen.contains(&"PIP_INDEX_URL")
        && !["UV_DEFAULT_INDEX", "UV_INDEX_URL"].iter().any(|it| seen.contains(it));
    vec![match (ready, offline, pip_only) {
        (false, true, _) => Item { status: Status::Warning, ..item }
            .fix("unset UV_OFFLINE for setup, unless uv's cache has everything"),
        (false, _, true) => Item { status: Status::Warning, ..item }
            .fix("uv, which sets up engines, does not read pip's settings: set UV_DEFAULT_INDEX to the same mirror"),
        _ => item,
    }]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::environment::{
        index::Place,
        setup::ensure_with,
        testing::{Fake, NOBODY, world},
    };

    fn item<'a>(doctor: &'a Doctor, name: &str) -> &'a Item {
        doctor.items.iter().find(|it| it.name == name).unwrap()
    }

    #[test]
    fn an_empty_machine_is_told_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let settings = Settings { index: Place::new(NOBODY), ..Settings::default() };
        let doctor = examine(&home, &settings, &|it| it == "PIP_INDEX_URL");
        let index = item(&doctor, "index");
        assert_eq!(index.status, Status::Broken);
        assert!(
            index.fact.contains(NOBODY) && index.fact.contains("named by the test"),
            "{index:?}"
        );
        assert!(!doctor.able);
        let python = item(&doctor, "python");
        assert_eq!(python.status, Status::Broken);
        assert!(python.fix.as_ref().unwrap().contains("PORTWRIGHT_PYTHON"));
        assert_eq!(item(&doctor, "engines").status, Status::Missing);
        assert!(item(&doctor, "variables").fix.as_ref().unwrap().contains("UV_DEFAULT_INDEX"));
        assert!(!home.path().exists(), "the doctor changed something");
    }

    #[test]
    fn a_package_that_went_away_is_found() {
        let world = world(Fake::default());
        let set_up = |needs: &[Supply]| {
            ensure_with(&world.home, &world.settings, needs, &(), &Cancel::default()).unwrap()
        };
        let examine = || examine(&world.home, &world.settings, &|_| false);
        set_up(&[Supply::Mlx]);
        let doctor = examine();
        assert_eq!(item(&doctor, "engines").status, Status::Missing);
        assert!(item(&doctor, "engines").fact.ends_with("without the engine torch"));

        let pinned = set_up(&[Supply::Torch, Supply::Mlx]);
        let doctor = examine();
        // The index is of no matter to whoever has everything.
        assert_eq!(item(&doctor, "index").status, Status::Warning);
        assert!(doctor.able && doctor.plan.as_ref().unwrap().ready, "{doctor:#?}");
        assert_eq!(item(&doctor, "engines").status, Status::Ok);
        assert!(item(&doctor, "engines").fact.starts_with("torch 2.15.0"));

        let site_packages = &pinned.engines().unwrap().site_packages;
        fs::remove_dir(site_packages.join("torch-2.15.0.dist-info")).unwrap();
        let doctor = examine();
        assert_eq!(item(&doctor, "engines").fact, "torch 2.15.0 is gone");
        assert!(!doctor.able);
    }

    #[test]
    fn sources_releases_and_half_made_folders_are_told_apart() {
        let world = world(Fake::default());
        let examine = || examine(&world.home, &world.settings, &|_| false);
        let doctor = examine();
        assert_eq!(item(&doctor, "sources").status, Status::Missing);
        assert!(doctor.items.iter().all(|it| it.name != "releases" && it.name != "leftover"));

        let pinned = lock::pinned(Supply::Transformers);
        source::put(&world.home, &pinned);
        let folder = source::find(&world.home, &pinned).unwrap();
        let draft = format!("{}.draft", folder.parent().unwrap().display());
        fs::create_dir(&draft).unwrap();
        let doctor = examine();
        assert_eq!(item(&doctor, "sources").status, Status::Ok);
        assert_eq!(item(&doctor, "sources").fact, format!("transformers {}", pinned.version));
        assert!(item(&doctor, "leftover").fix.as_ref().unwrap().contains(&draft));
    }
}
