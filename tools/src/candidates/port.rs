//! What a checkout of the target already loads: the port of a checkpoint, on which branches it lies, and
//! open pull requests for it.

use std::path::{Path, PathBuf};

use git2::{BranchType, Repository};
use portwright_source::port::Remapping;
use portwright_targets as targets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{error::ToolError, tree};

/// Branches that are named; a fork may have any number.
const MOST_BRANCHES: usize = 50;
/// Remotes in the order in which they say where a checkout's pull requests are.
const REMOTES: [&str; 2] = ["upstream", "origin"];

/// The target's package in a checkout or an install.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the target is one part of what was opened")]
pub(super) struct Target {
    target: &'static targets::Target,
    about: &'static targets::Package,
    package: PathBuf,
    remapping: Remapping,
}

/// The port that loads a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Port {
    /// Its file, e.g. `mlx_lm/models/llama.py`.
    pub file: String,
    /// The port's own type, where a table of the target gives the checkpoint another model's port.
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
    /// Where there is no such target or package, or its tables cannot be read.
    pub(super) fn open(id: Option<&str>, path: &Path) -> Result<Self, ToolError> {
        let (target, about) = tree::receiver(id)?;
        let package = tree::package(about, path)?;
        let utils = package.join(&about.remapping.file);
        let remapping = Remapping::parse(&utils, &tree::read(&utils)?, tree::tables(about))?;
        Ok(Self { target, about, package, remapping })
    }

    /// The port of a checkpoint, as the target finds it by the type and architectures of its config.
    pub(super) fn port(&self, model_type: &str, architectures: &[String]) -> Option<Port> {
        let row = self.remapping.row(model_type, architectures);
        let name = row.unwrap_or(model_type);
        let is_module = name.chars().all(|it| it.is_alphanumeric() || it == '_');
        let file = self.package.join(&self.about.models).join(format!("{name}.py"));
        (is_module && file.is_file()).then(|| Port {
            file: format!("{}/{name}.py", self.about.ports()),
            remapped: row.map(str::to_owned),
        })
    }

    /// The branches that have the port's file, sorted; and how many there are.
    ///
    /// # Errors
    ///
    /// Says why the branches cannot be read.
    pub(super) fn branches(
        &self,
        model_type: &str,
        port: Option<&Port>,
    ) -> Result<Vec<Branch>, String> {
        let no = |err: git2::Error| format!("branches were not looked at: {}", err.message());
        let repository = Repository::discover(&self.package).map_err(|_| {
            "branches were not looked at: the target is not a git checkout".to_owned()
        })?;
        let root = repository.workdir().and_then(|it| it.canonicalize().ok());
        let package = self.package.canonicalize().ok();
        let below =
            package.zip(root).and_then(|(it, root)| it.strip_prefix(root).ok().map(Path::to_owned));
        let Some(below) = below else {
            return Err(
                "branches were not looked at: the target lies outside of its repository".into()
            );
        };
        // An install inside of somebody's repository is no checkout of the target.
        if repository.is_path_ignored(&below).unwrap_or(false) {
            return Err("branches were not looked at: the target is not a git checkout".into());
        }
        let name = port.map_or_else(
            || format!("{model_type}.py"),
            |it| it.file.rsplit('/').next().unwrap_or_default().to_owned(),
        );
        let file = below.join(&self.about.models).join(name);
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
        let forked = named.filter(|it| it.ends_with(&format!("/{}", self.target.id)));
        forked.unwrap_or_else(|| self.target.repository.clone())
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

    use serde_json::{Value, json};

    use super::*;
    use crate::port::found::architectures;

    const UTILS: &str = "MODEL_REMAPPING = {\n    \"mistral\": \"llama\",\n    \"lost\": \"nowhere\",  # gone\n}\n\
        MODEL_ARCHITECTURE_REMAPPING = {\n    (\"hybrid\", \"MoeV3\"): \"llama\",\n}\n";

    fn package(root: &Path) {
        fs::create_dir_all(root.join("mlx_lm/models")).unwrap();
        fs::write(root.join("mlx_lm/utils.py"), UTILS).unwrap();
        fs::write(root.join("mlx_lm/models/llama.py"), "").unwrap();
    }

    #[test]
    fn a_type_is_loaded_by_its_file_or_by_anothers() {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path());
        let target = Target::open(None, folder.path()).unwrap();
        let file = "mlx_lm/models/llama.py".to_owned();
        assert_eq!(target.port("llama", &[]), Some(Port { file: file.clone(), remapped: None }));
        let remapped = Some("llama".to_owned());
        assert_eq!(target.port("mistral", &[]), Some(Port { file, remapped }));
        for absent in ["olmo3", "lost", "../utils", ""] {
            assert_eq!(target.port(absent, &[]), None, "{absent}");
        }
        assert!(target.branches("llama", None).unwrap_err().contains("not a git checkout"));
        assert_eq!(target.repository(), target.target.repository);
        assert!(Target::open(None, &folder.path().join("mlx_lm/models")).is_err());
    }

    #[test]
    fn who_loads_a_checkpoint_is_decided_by_type_and_architecture() {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path());
        let target = Target::open(None, folder.path()).unwrap();
        let of = |config: Value| {
            let config = config.as_object().unwrap().clone();
            target.port("hybrid", &architectures(&config)).and_then(|it| it.remapped)
        };
        assert_eq!(of(json!({"architectures": ["MoeV3"]})).as_deref(), Some("llama"));
        assert_eq!(of(json!({"architectures": "MoeV3"})).as_deref(), Some("llama"));
        assert_eq!(of(json!({"architectures": ["MoeV2"]})), None);
        assert_eq!(of(json!({})), None);
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
        let target = Target::open(None, folder.path()).unwrap();
        let found = target.branches("olmo3", None).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].commit, found[0].remote), (&second, false));
        assert_eq!(target.branches("llama", None).unwrap().len(), 2);
        assert_eq!(target.branches("absent", None).unwrap(), []);
        repository.remote("origin", "git@github.com:somebody/mlx-lm.git").unwrap();
        assert_eq!(target.repository(), "somebody/mlx-lm");
        repository.remote("upstream", "https://github.com/ml-explore/mlx-lm").unwrap();
        assert_eq!(target.repository(), target.target.repository);
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
