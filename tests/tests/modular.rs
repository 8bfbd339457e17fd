//! The `modular` commands on a small tree: no engines, no network, no installed transformers.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use portwright_tests::program::portwright;
use serde_json::Value;

const BASE: &str = r#"import torch
from torch import nn

from .configuration_base import BaseConfig


class BaseNorm(nn.Module):
    def forward(self, hidden):
        return hidden


class BasePreTrainedModel(nn.Module):
    config: BaseConfig


class BaseModel(BasePreTrainedModel):
    def __init__(self, config: BaseConfig):
        super().__init__()
        self.norm = BaseNorm()
        self.scale = torch.ones(1)

    def forward(self, hidden):
        return self.norm(hidden) * self.scale


class BaseForCausalLM(BasePreTrainedModel):
    def __init__(self, config: BaseConfig):
        super().__init__()
        self.model = BaseModel(config)


__all__ = ["BasePreTrainedModel", "BaseModel", "BaseForCausalLM"]
"#;

const BASE_CONFIG: &str =
    "class BaseConfig:\n    model_type = \"base\"\n\n\n__all__ = [\"BaseConfig\"]\n";

const CHILD: &str = r#"# The child's own header.

from ..base.configuration_base import BaseConfig
from ..base.modeling_base import BaseModel


class ChildConfig(BaseConfig):
    pass


class ChildModel(BaseModel):
    def forward(self, hidden):
        return self.norm(hidden)


__all__ = ["ChildConfig", "ChildModel"]
"#;

const GRANDCHILD: &str = r#"from ..child.configuration_child import ChildConfig
from ..child.modeling_child import ChildModel


class GrandConfig(ChildConfig):
    pass


class GrandModel(ChildModel):
    pass


__all__ = ["GrandConfig", "GrandModel"]
"#;

const TABLES: &str = r#"from collections import OrderedDict


CONFIG_MAPPING_NAMES = OrderedDict(
    [
        ("base", "BaseConfig"),
        ("child", "ChildConfig"),
        ("grand", "GrandConfig"),
    ]
)
"#;

const MODELING_AUTO: &str = r#"MODEL_MAPPING_NAMES = OrderedDict(
    [
        # Base models
        ("base", "BaseModel"),
        ("child", "ChildModel"),
    ]
)
"#;

const MODELS: &str = "if TYPE_CHECKING:\n    from .auto import *\n    from .base import *\n    from .child import *\n    from .grand import *\nelse:\n    pass\n";

struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    /// A checkout with three models, one of which is written out.
    fn new() -> Self {
        let tree = Self { dir: tempfile::tempdir().unwrap() };
        tree.write("pyproject.toml", "[tool.ruff]\nline-length = 119\n");
        tree.write("src/transformers/models/__init__.py", MODELS);
        tree.model("auto/auto_mappings.py", TABLES);
        tree.model("auto/modeling_auto.py", MODELING_AUTO);
        tree.model("base/__init__.py", "");
        tree.model("base/configuration_base.py", BASE_CONFIG);
        tree.model("base/modeling_base.py", BASE);
        tree.model("child/modular_child.py", CHILD);
        tree.model("grand/modular_grand.py", GRANDCHILD);
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn model(&self, path: &str, text: &str) {
        self.write(&format!("src/transformers/models/{path}"), text);
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(&format!("src/transformers/models/{path}"))).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(portwright());
        command.arg("modular").args(arguments).current_dir(self.dir.path());
        command.env("PORTWRIGHT_HOME", self.path("home")).env("NO_COLOR", "1");
        command.output().unwrap()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let output = self.run(&[arguments, &["--json", "--formatter", "embedded"]].concat());
        let said = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|err| panic!("{err}: {said}"))
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], says: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says) && !said.contains("panicked"), "{said}");
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every file below `folder`, with its text.
fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(snapshot(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn children_are_converted_from_what_their_parents_have_just_become() {
    let tree = Tree::new();
    let output = tree.json(&["convert", "--all"], 0);
    assert_eq!(output["kinds"]["modeling"]["new"], 2, "{output}");
    assert_eq!(output["formatter"]["formatter"], "embedded");
    let child = tree.read("child/modeling_child.py");
    assert!(
        child.contains("class ChildNorm(nn.Module):")
            && child.contains("# The child's own header."),
        "{child}"
    );
    let grand = tree.read("grand/modeling_grand.py");
    assert!(
        grand.contains("return self.norm(hidden)\n") && !grand.contains("self.scale\n\n"),
        "{grand}"
    );
    let again = tree.json(&["convert", "--all"], 0);
    assert_eq!(again["kinds"]["modeling"]["unchanged"], 2, "{again}");
}

#[test]
fn a_file_that_fails_names_its_place_and_does_not_stop_the_others() {
    let tree = Tree::new();
    tree.json(&["convert", "--all"], 0);
    let before = tree.read("child/modeling_child.py");
    tree.model(
        "child/modular_child.py",
        &CHILD.replace("modeling_base import", "modeling_bass import"),
    );
    let output = tree.json(&["convert", "--all"], 1);
    let failure = &output["failures"][0];
    assert_eq!(failure["line"], 4, "{output}");
    assert!(failure["message"].as_str().unwrap().contains('^'), "{output}");
    assert_eq!(output["kinds"]["modeling"]["unchanged"], 1, "{output}");
    assert!(output["notes"][0].as_str().unwrap().contains("as they are on disk"), "{output}");
    assert_eq!(tree.read("child/modeling_child.py"), before);
}

#[test]
fn out_writes_the_repositorys_tree_and_leaves_the_checkout_alone() {
    let tree = Tree::new();
    let before = snapshot(&tree.path("src"));
    tree.json(&["convert", "--all", "--out", "out"], 0);
    assert!(tree.path("out/src/transformers/models/grand/modeling_grand.py").is_file());
    assert_eq!(snapshot(&tree.path("src")), before);
}

#[test]
fn an_installed_package_is_written_to_only_when_that_is_said() {
    let tree = Tree::new();
    fs::create_dir(tree.path("site-packages")).unwrap();
    fs::rename(tree.path("src/transformers"), tree.path("site-packages/transformers")).unwrap();
    let package = ["--transformers", "site-packages"];
    tree.refused(&[&["convert", "--all"][..], &package].concat(), "--in-place");
    let diff = tree.json(&[&["convert", "--all", "--diff"][..], &package].concat(), 1);
    assert!(diff["files"][0]["diff"].as_str().unwrap().contains("+class ChildModel"), "{diff}");
    assert!(!tree.path("site-packages/transformers/models/child/modeling_child.py").exists());
    tree.json(&[&["convert", "--all", "--in-place"][..], &package].concat(), 0);
    tree.json(&[&["convert", "--all", "--diff"][..], &package].concat(), 0);
}

#[test]
fn check_finds_missing_edited_outdated_and_left_over_files() {
    let tree = Tree::new();
    let missing = tree.json(&["check", "--all"], 1);
    assert_eq!(missing["differences"][0]["what"], "missing", "{missing}");
    tree.json(&["convert", "--all"], 0);
    assert_eq!(tree.json(&["check", "--all"], 0)["converted"], 2);
    assert_eq!(tree.json(&["check", "--all"], 0)["converted"], 0, "nothing changed");

    let child = tree.read("child/modeling_child.py");
    tree.model("child/modeling_child.py", &child.replace("self.norm(hidden)", "hidden"));
    let edited = tree.json(&["check", "--all"], 1);
    assert!(
        edited["differences"][0]["diff"]
            .as_str()
            .unwrap()
            .contains("\n+        return self.norm(hidden)"),
        "{edited}"
    );
    assert_eq!(edited["differences"].as_array().unwrap().len(), 1, "{edited}");
    tree.model("child/modeling_child.py", &child);
    assert_eq!(tree.json(&["check", "--all"], 0)["differences"].as_array().unwrap().len(), 0);

    // The grandchild's own files did not change, yet it is out of date through its parent.
    tree.model(
        "child/modular_child.py",
        &CHILD.replace("self.norm(hidden)", "self.norm(hidden) + 1"),
    );
    let outdated = tree.json(&["check", "--all"], 1);
    let stale: Vec<&str> = outdated["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].as_str().unwrap())
        .collect();
    assert_eq!(stale.len(), 2, "{outdated}");
    assert!(stale.iter().any(|it| it.ends_with("modeling_grand.py")), "{outdated}");
    tree.json(&["convert", "--all"], 0);
    tree.json(&["check", "--all"], 0);

    let left = child.replace("class", "# class");
    tree.model("child/processing_child.py", &left);
    let orphan = tree.json(&["check", "child"], 1);
    assert_eq!(orphan["differences"][0]["what"], "orphan", "{orphan}");
}

#[test]
fn names_that_mean_nothing_are_refused_with_the_nearest() {
    let tree = Tree::new();
    tree.refused(&["convert", "chold"], "the nearest is `child`");
    tree.refused(&["check", "no/such/modular_x.py"], "does not exist");
    tree.refused(
        &["convert", "src/transformers/models/base/modeling_base.py"],
        "is not a modular file",
    );
    tree.refused(&["convert", "child", "--formatter", "pinned"], "which version of ruff");
    tree.refused(&["convert"], "<FILE>");
}

#[test]
fn a_new_model_comes_with_everything_and_is_up_to_date() {
    let tree = Tree::new();
    tree.write("tests/models/base/__init__.py", "");
    tree.write("docs/source/en/model_doc/base.md", "# Base\n");
    let contents = "- sections:\n  - local: model_doc/base\n    title: Base\n  - local: model_doc/zed\n    title: Zed\n";
    tree.write("docs/source/en/_toctree.yml", contents);
    let output = tree.json(&["new", "cat_two", "--from", "base", "--display-name", "Cat 2"], 0);
    assert!(!output["remaining"].as_array().unwrap().is_empty());
    let modular = tree.read("cat_two/modular_cat_two.py");
    assert!(modular.contains("class CatTwoForCausalLM(BaseForCausalLM):\n    pass\n"), "{modular}");
    assert!(!modular.contains("BaseNorm"), "what is not exported comes by itself: {modular}");
    let modeling = tree.read("cat_two/modeling_cat_two.py");
    assert!(modeling.contains("class CatTwoNorm(nn.Module):"), "{modeling}");
    assert!(tree.read("cat_two/configuration_cat_two.py").contains("model_type = \"cat_two\""));
    let tables = tree.read("auto/auto_mappings.py");
    assert!(tables.contains("(\"base\", \"BaseConfig\"),\n        (\"cat_two\", \"CatTwoConfig\"),\n        (\"child\""), "{tables}");
    assert!(
        tree.read("auto/modeling_auto.py")
            .contains("(\"cat_two\", \"CatTwoModel\"),\n        (\"child\"")
    );
    assert!(
        tree.read("__init__.py")
            .contains("from .base import *\n    from .cat_two import *\n    from .child")
    );
    assert!(tree.read("cat_two/__init__.py").contains("    from .modeling_cat_two import *\n"));
    let contents = fs::read_to_string(tree.path("docs/source/en/_toctree.yml")).unwrap();
    assert!(
        contents.contains(
            "title: Base\n  - local: model_doc/cat_two\n    title: Cat 2\n  - local: model_doc/zed"
        ),
        "{contents}"
    );
    assert!(tree.path("tests/models/cat_two/test_modeling_cat_two.py").is_file());
    tree.json(&["check", "cat_two"], 0);

    let before = snapshot(tree.dir.path());
    tree.refused(&["new", "cat_two", "--from", "base"], "already");
    tree.refused(&["new", "class", "--from", "base"], "cannot be a model type");
    tree.refused(&["new", "dog", "--from", "bose"], "the nearest is `base`");
    tree.refused(&["new", "dog", "--from", "base", "--with", "processing"], "no processing file");
    assert_eq!(snapshot(tree.dir.path()), before);
}

#[test]
fn a_new_model_of_a_hyphenated_one_has_its_own_model_type() {
    let tree = Tree::new();
    tree.model(
        "old_net/configuration_old_net.py",
        &BASE_CONFIG.replace("Base", "OldNet").replace("\"base\"", "\"old-net\""),
    );
    tree.model(
        "old_net/modeling_old_net.py",
        &BASE.replace("Base", "OldNet").replace("base", "old_net"),
    );
    tree.model(
        "auto/auto_mappings.py",
        &TABLES.replace("    ]\n", "        (\"old-net\", \"OldNetConfig\"),\n    ]\n"),
    );
    tree.json(&["new", "new_net", "--from", "old-net"], 0);
    let config = tree.read("new_net/configuration_new_net.py");
    assert!(config.contains("class NewNetConfig:\n    model_type = \"new_net\"\n"), "{config}");
    assert!(
        tree.read("auto/auto_mappings.py")
            .contains("(\"new_net\", \"NewNetConfig\"),\n        (\"old-net\"")
    );
}

#[test]
fn a_measurement_says_what_was_measured() {
    let tree = Tree::new();
    tree.json(&["convert", "--all"], 0);
    let output = tree.json(&["bench"], 0);
    assert_eq!(output["modular_files"], 2, "{output}");
    assert!(output["ours"]["peak_bytes"].as_u64().unwrap() > 1_000_000, "{output}");
    assert!(output["python"].is_null());

    // Any program stands for the Python converter here: it gets the files, in a copy of the package.
    let script =
        "test -n \"$2\" || exit 3\nfor it; do test -f \"$it\" && echo > \"$it\" || exit 4; done\n";
    tree.write("converter", script);
    let before = snapshot(&tree.path("src"));
    let beside = tree.json(&["bench", "--python-converter", "converter", "--python", "/bin/sh"], 0);
    assert!(beside["python"]["wall_seconds"].as_f64().unwrap() > 0.0, "{beside}");
    assert!(beside["wall_ratio"].is_number(), "{beside}");
    assert_eq!(snapshot(&tree.path("src")), before);
    tree.write("converter", "echo no libcst >&2; exit 1\n");
    let arguments = ["bench", "--python-converter", "converter", "--python", "/bin/sh"];
    tree.refused(&[&arguments[..], &["--formatter", "embedded"]].concat(), "no libcst");
}
