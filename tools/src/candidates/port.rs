//! What a checkout of mlx-lm already loads: the port of a model type, on which branches it lies, and open
//! pull requests for it.

use std::path::{Path, PathBuf};

use git2::{BranchType, Repository};
use portwright_source::{Problem, Source, config_class::string_pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Branches that are named; a fork may have any number.
const MOST_BRANCHES: usize = 50;
/// Where mlx-lm is developed.
const HOME: &str = "ml-explore/mlx-lm";
/// Remotes in the order in which they say where a checkout's pull requests are.
const REMOTES: [&str; 2] = ["upstream", "origin"];

/// The package `mlx_lm` of a checkout or an install.
#[derive(Debug)]
pub(super) struct Target {
    package: PathBuf,
    remapping: Vec<(String, String)>,
}

/// The port that loads a model type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Port {
    /// Its file, e.g. `mlx_lm/models/llama.py`.
    pub file: String,
    /// The type that stands for this one in `MODEL_REMAPPING`, where the port is another model's.
    pub remapped: Option<String>,
}

/// A branch that has the port's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Branch {
    /// E.g. `port-olmo3`, or `origin/main`.
    pub name: String,
    /// The last commit.
    pub commit: String,
    pub remote: bool,
}

/// An open pull request that names the model type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    pub number: u64,
    pub title: String,
    pub author: String,
    pub url: String,
    pub draft: bool,
    pub updated: String,
}

/// Work on the same port that is there already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Existing {
    /// The port in the target as it lies there.
    pub port: Option<Port>,
    /// Branches of the target's repository that have it; nothing where it is no checkout.
    pub branches: Vec<Branch>,
    pub pull_requests: Vec<PullRequest>,
    /// Why branches or pull requests could not be looked for.
    pub not_looked: Vec<String>,
}

impl Target {
    /// The package at `path`: a checkout, its `src`, the package, or a site-packages folder.
    ///
    /// # Errors
    ///
    /// Where there is no such package, or its table cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let folders = [path.join("mlx_lm"), path.join("src/mlx_lm"), path.to_owned()];
        let package = folders
            .into_iter()
            .find(|it| it.join("models").is_dir() && it.join("utils.py").is_file());
        let package = package.ok_or_else(|| {
            Problem::of_file(path, "no mlx-lm sources here (looked for `mlx_lm/models`)")
                .with_help("give a checkout of mlx-lm, or the folder that it is installed in")
        })?;
        let utils = package.join("utils.py");
        let text = std::fs::read_to_string(&utils)
            .map_err(|err| Problem::of_file(&utils, err.to_string()))?;
        let table = string_pairs(&*Source::parse(&utils, text)?, "MODEL_REMAPPING");
        Ok(Self { package, remapping: table.into_iter().collect() })
    }

    /// The port of a model type, as mlx-lm finds it.
    pub(super) fn port(&self, model_type: &str) -> Option<Port> {
        let row = self.remapping.iter().find(|it| it.0 == model_type);
        let name = row.map_or(model_type, |it| &it.1);
        let is_module = name.chars().all(|it| it.is_alphanumeric() || it == '_');
        let file = self.package.join("models").join(format!("{name}.py"));
        (is_module && file.is_file()).then(|| Port {
            file: format!("mlx_lm/models/{name}.py"),
            remapped: row.map(|it| it.1.clone()),
        })
    }

    /// The branches that have the port's file, sorted; and how many there are.
    ///
    /// # Errors
    ///
    /// Says why the branches cannot be read.
    pub(super) fn branches(&self, model_type: &str) -> Result<Vec<Branch>, String> {
        let no = |err: git2::Error| format!("branches were not looked at: {}", err.message());
        let repository = Repository::discover(&self.package)
            .map_err(|_| "branches were not looked at: the target is no git checkout".to_owned())?;
        let root = repository.workdir().and_then(|it| it.canonicalize().ok());
        let package = self.package.canonicalize().ok();
        let below =
            package.zip(root).and_then(|(it, root)| it.strip_prefix(root).ok().map(Path::to_owned));
        let Some(below) = below else {
            return Err(
                "branches were not looked at: the target lies outside of its repository".into()
            );
        };
        // An install inside of somebody's repository is no checkout of mlx-lm.
        if repository.is_path_ignored(&below).unwrap_or(false) {
            return Err("branches were not looked at: the target is no git checkout".into());
        }
        let name = self.port(model_type).map_or_else(
            || format!("{model_type}.py"),
            |it| it.file.rsplit('/').next().unwrap_or_default().to_owned(),
        );
        let file = below.join("models").join(name);
        let mut found = Vec::new();
        for branch in repository.branches(None).map_err(no)? {
            let (branch, kind) = branch.map_err(no)?;
            // `origin/HEAD` is another branch's name.
            if branch.get().kind() == Some(git2::ReferenceType::Symbolic) {
                continue;
            }
            let Ok(commit) = branch.get().peel_to_commit() else { continue };
            let has = commit.tree().is_ok_and(|it| it.get_path(&file).is_ok());
            let name = String::from_utf8_lossy(branch.name_bytes().map_err(no)?).into_owned();
            if has {
                let remote = kind == BranchType::Remote;
                found.push(Branch { name, commit: commit.id().to_string(), remote });
            }
        }
        found.sort_by(|a, b| (a.remote, &a.name).cmp(&(b.remote, &b.name)));
        found.truncate(MOST_BRANCHES);
        Ok(found)
    }

    /// The repository on GitHub where pull requests of this checkout go, e.g. `ml-explore/mlx-lm`.
    pub(super) fn repository(&self) -> String {
        let of_remote = |repository: &Repository, name: &str| {
            let remote = repository.find_remote(name).ok()?;
            on_github(remote.url().ok()?)
        };
        let repository = Repository::discover(&self.package).ok();
        let named = repository.and_then(|it| REMOTES.iter().find_map(|name| of_remote(&it, name)));
        named.filter(|it| it.ends_with("/mlx-lm")).unwrap_or_else(|| HOME.to_owned())
    }
}

/// `owner/name` of a remote's address.
fn on_github(url: &str) -> Option<String> {
    let (_, path) = url.split_once("github.com")?;
    let path = path.trim_start_matches([':', '/']).trim_end_matches('/').trim_end_matches(".git");
    let (owner, name) = path.split_once('/')?;
    let plain = |it: &str| {
        !it.is_empty() && it.chars().all(|it| it.is_ascii_alphanumeric() || "-_.".contains(it))
    };
    (plain(owner) && plain(name)).then(|| format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const UTILS: &str =
        "MODEL_REMAPPING = {\n    \"mistral\": \"llama\",\n    \"lost\": \"nowhere\",  # gone\n}\n";

    fn package(root: &Path) {
        fs::create_dir_all(root.join("mlx_lm/models")).unwrap();
        fs::write(root.join("mlx_lm/utils.py"), UTILS).unwrap();
        fs::write(root.join("mlx_lm/models/llama.py"), "").unwrap();
    }

    #[test]
    fn a_type_is_loaded_by_its_file_or_by_anothers() {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path());
        let target = Target::open(folder.path()).unwrap();
        let file = "mlx_lm/models/llama.py".to_owned();
        assert_eq!(target.port("llama"), Some(Port { file: file.clone(), remapped: None }));
        let remapped = Some("llama".to_owned());
        assert_eq!(target.port("mistral"), Some(Port { file, remapped }));
        for absent in ["olmo3", "lost", "../utils", ""] {
            assert_eq!(target.port(absent), None, "{absent}");
        }
        assert!(target.branches("llama").unwrap_err().contains("no git checkout"));
        assert_eq!(target.repository(), HOME);
        assert!(Target::open(&folder.path().join("mlx_lm/models")).is_err());
    }

    #[test]
    fn branches_with_the_file_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        package(folder.path());
        let commit = |message: &str| {
            let mut index = repository.index().unwrap();
            index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
            index.write().unwrap();
            let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
            let me = git2::Signature::now("me", "me@example.org").unwrap();
            let parent = repository.head().ok().and_then(|it| it.peel_to_commit().ok());
            let parents: Vec<&git2::Commit> = parent.iter().collect();
            repository.commit(Some("HEAD"), &me, &me, message, &tree, &parents).unwrap()
        };
        let first = commit("first");
        let first = repository.find_commit(first).unwrap();
        repository.branch("before", &first, false).unwrap();
        fs::write(folder.path().join("mlx_lm/models/olmo3.py"), "").unwrap();
        let second = commit("olmo3").to_string();
        let target = Target::open(folder.path()).unwrap();
        let found = target.branches("olmo3").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].commit, found[0].remote), (&second, false));
        assert_eq!(target.branches("llama").unwrap().len(), 2);
        assert_eq!(target.branches("absent").unwrap(), []);
        repository.remote("origin", "git@github.com:somebody/mlx-lm.git").unwrap();
        assert_eq!(target.repository(), "somebody/mlx-lm");
        repository.remote("upstream", "https://github.com/ml-explore/mlx-lm").unwrap();
        assert_eq!(target.repository(), HOME);
    }

    #[test]
    fn an_address_names_its_repository() {
        for url in [
            "https://github.com/a/mlx-lm.git",
            "git@github.com:a/mlx-lm",
            "ssh://git@github.com/a/mlx-lm/",
        ] {
            assert_eq!(on_github(url).as_deref(), Some("a/mlx-lm"), "{url}");
        }
        for url in ["https://example.org/a/b", "https://github.com/a", "https://github.com/a/b c"] {
            assert_eq!(on_github(url), None, "{url}");
        }
    }
}
