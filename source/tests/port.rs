//! Scaffolding a port from the nearest one: what is the same is moved, what differs stops.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::fs;
use std::path::Path;

use portwright_source::Library;
use portwright_source::port::{
    Catalogue, Definition, PortFile, Scaffold, WorkKind, rank, scaffold,
};
use tempfile::TempDir;

const AUTO: &str = r#"CONFIG_MAPPING_NAMES = OrderedDict([("old", "OldConfig"), ("new", "NewConfig")])
"#;
const HEADS: &str = r#"MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(
    [
        ("new", "NewForCausalLM"),
        ("old", "OldForCausalLM"),
    ]
)
"#;

const CONFIG: &str = r#"from ...configuration_utils import PreTrainedConfig


class OldConfig(PreTrainedConfig):
    """An old one."""

    model_type = "old"
    base_model_tp_plan = {"layers": "colwise"}

    vocab_size: int = 100
    hidden_size: int = 32
    num_hidden_layers: int = 2
    hidden_act: str = "silu"
    rms_norm_eps: float = 1e-6
    use_cache: bool = True
    rope_parameters: RopeParameters | dict | None = None
    never: int = 3
"#;

const MODELING: &str = r#"from torch import nn

from ...activations import ACT2FN
from .configuration_old import OldConfig

logger = logging.get_logger(__name__)


class OldMLP(nn.Module):
    def __init__(self, config: OldConfig):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x):
        """Up."""
        return self.act_fn(self.up_proj(x))


class OldModel(nn.Module):
    def __init__(self, config: OldConfig):
        super().__init__()
        self.layers = nn.ModuleList([OldMLP(config) for _ in range(config.num_hidden_layers)])
        self.scale = config.rope_parameters["rope_theta"] * config.rms_norm_eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class OldForCausalLM(nn.Module):
    config: OldConfig

    def __init__(self, config):
        super().__init__()
        self.model = OldModel(config)
        self.vocab_size = config.vocab_size

    def forward(self, x):
        return self.model(x)
"#;

const PORT: &str = r#"# Copyright of somebody

from dataclasses import dataclass

import mlx.nn as nn

from .base import BaseModelArgs


@dataclass
class ModelArgs(BaseModelArgs):
    model_type: str
    hidden_size: int
    vocab_size: int
    num_hidden_layers: int = 7
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0


class MLP(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.up_proj = nn.Linear(args.hidden_size, args.hidden_size)

    def __call__(self, x):
        # Up.
        return nn.silu(self.up_proj(x))


class OldModel(nn.Module):
    def __init__(self, args: ModelArgs):
        super().__init__()
        self.layers = [MLP(args) for _ in range(args.num_hidden_layers)]
        self.scale = args.rope_theta * args.rms_norm_eps

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Model(nn.Module):
    def __init__(self, args: ModelArgs):
        """The whole."""
        super().__init__()
        self.model = OldModel(args)
        self.vocab_size = args.vocab_size

    def __call__(self, x):
        return self.model(x)
"#;

/// The old model, and the new one with `change` made to the old one's text under its name.
fn made(change: impl Fn(&str, String) -> String) -> Scaffold {
    made_from(PORT, change)
}

/// As [`made`], from another port of the old model. `change` also gets an empty `conversion_mapping`.
fn made_from(port: &str, change: impl Fn(&str, String) -> String) -> Scaffold {
    let dir = TempDir::new().unwrap();
    let models = dir.path().join("models");
    let put = |path: &str, text: &str| {
        let path = models.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("auto/configuration_auto.py", AUTO);
    put("auto/modeling_auto.py", HEADS);
    for (name, text) in [("configuration", CONFIG), ("modeling", MODELING)] {
        put(&format!("old/{name}_old.py"), text);
        let renamed = text.replace("Old", "New").replace("_old", "_new").replace("\"old", "\"new");
        put(&format!("new/{name}_new.py"), &change(name, renamed));
    }
    let rules = change("conversion_mapping", String::new());
    fs::write(dir.path().join("conversion_mapping.py"), rules).unwrap();
    let library = Library::open(dir.path()).unwrap();
    let catalogue = Catalogue::read(&library).unwrap();
    let read = |name: &str| Definition::read(&library, &catalogue, name).unwrap();
    let port = PortFile::parse(Path::new("old.py"), port).unwrap();
    scaffold(&catalogue, &read("new"), &read("old"), &port, &[]).unwrap()
}

fn replaced(file: &'static str, old: &'static str, new: &'static str) -> Scaffold {
    made(move |name, text| {
        if name == file {
            assert!(text.contains(old), "{text}");
            text.replace(old, new)
        } else {
            text
        }
    })
}

#[test]
fn a_renamed_definition_gives_a_whole_port_under_its_name() {
    let made = made(|_, text| text);
    assert!(made.is_complete(), "{:?}", made.work);
    assert!(made.text.contains("class NewModel(nn.Module)"), "{}", made.text);
    assert!(made.text.contains("self.model = NewModel(args)"));
    assert!(!made.text.contains("OldModel"));
    // Defaults are the definition's; what it reads is there, what it does not read is not.
    for line in [
        "    num_hidden_layers: int = 2\n",
        "    rms_norm_eps: float = 1e-6\n",
        "    hidden_act: str = \"silu\"\n",
        "    rope_parameters: dict | None = None\n",
    ] {
        assert!(made.text.contains(line), "{line}: {}", made.text);
    }
    assert_eq!(made.unread, ["never"]);
    assert!(!made.text.contains("never"));
    // The port always takes silu, so nothing else may come.
    assert_eq!(made.guarded, ["hidden_act"]);
    assert!(made.text.contains("if not (self.hidden_act == \"silu\"):"), "{}", made.text);
    assert!(made.text.contains("self.rope_theta = rope.pop(\"rope_theta\", self.rope_theta)"));
}

/// A port that says all that the definition's config says serves the new type as it is.
#[test]
fn a_port_that_would_not_change_is_registered() {
    let fields = "    model_type: str\n    hidden_size: int = 32\n    vocab_size: int = 100\n    num_hidden_layers: int = 2\n    hidden_act: str = \"silu\"\n    rms_norm_eps: float = 1e-6\n    rope_parameters: dict = None\n\n\nclass MLP";
    let start = PORT.find("    model_type: str").unwrap();
    let end = PORT.find("class MLP").unwrap() + "class MLP".len();
    let port = format!("{}{fields}{}", &PORT[..start], &PORT[end..]);
    let port = port.replace("nn.silu(", "ACTIVATIONS[self.args.hidden_act](");
    let port = port.replace("args.rope_theta", "args.rope_parameters[\"rope_theta\"]");
    let made = made_from(&port, |_, text| text);
    assert!(made.is_complete() && made.registers, "{:?}\n{}", made.work, made.text);
    let other = made_from(&port, |_, text| {
        text.replace("rms_norm_eps: float = 1e-6", "rms_norm_eps: float = 1e-5")
    });
    assert!(other.is_complete() && !other.registers);
}

/// Layout, comments, docstrings, annotations and what training alone sees are not differences.
#[test]
fn what_computes_nothing_is_no_difference() {
    let made = made(|name, text| {
        if name != "modeling" {
            return text;
        }
        let text = text.replace("\"\"\"Up.\"\"\"", "# Up, differently.");
        let text = text.replace("x: torch.Tensor", "x");
        let text =
            text.replace("range(config.num_hidden_layers)])", "range(config.num_hidden_layers)],)");
        text.replace(
            "        self.model = NewModel(config)\n",
            "        self.model = NewModel(config)\n        self.post_init()\n",
        )
    });
    assert!(made.is_complete(), "{:?}", made.work);
}

#[test]
fn a_changed_method_stops_at_its_place_in_the_port() {
    let made = replaced("modeling", "x = layer(x)", "x = x + layer(x)");
    let [work] = made.work.as_slice() else { panic!("{:?}", made.work) };
    assert_eq!(work.kind, WorkKind::Forward);
    assert_eq!(work.construct, "NewModel.forward differs from OldModel.forward");
    assert_eq!(work.definition, "modeling_new.py:27-28");
    let line = work.line.unwrap();
    let lines: Vec<&str> = made.text.lines().collect();
    assert_eq!(
        lines[line - 1].trim(),
        "# PORT: modeling_new.py:27-28 NewModel.forward differs from OldModel.forward"
    );
    assert!(lines[line - 2].contains("def __call__"), "{}", made.text);
    assert_eq!(
        lines[line].trim(),
        "raise NotImplementedError(\"modeling_new.py:27: NewModel.forward is not ported\")"
    );
    assert!(!made.registers);
}

#[test]
fn brackets_names_and_imports_count() {
    for (old, new) in [
        ("self.act_fn(self.up_proj(x))", "self.up_proj(self.act_fn(x))"),
        ("rope_parameters[\"rope_theta\"] *", "rope_parameters[\"rope_theta\"] +"),
        ("from ...activations import ACT2FN", "from ...other import ACT2FN"),
        ("config.rms_norm_eps", "(config.rms_norm_eps + 1)"),
        ("[NewMLP(config) for", "[(NewMLP(config),) for"),
    ] {
        let made = replaced("modeling", old, new);
        assert!(!made.is_complete(), "{new}");
        assert!(made.text.contains("raise NotImplementedError(\"modeling_new.py"), "{new}");
    }
}

#[test]
fn a_class_that_the_parent_lacks_has_a_stand_in_that_stops() {
    let made = made(|name, text| {
        if name != "modeling" {
            return text;
        }
        let text = text.replace(
            "class NewModel(nn.Module):",
            "class NewRMSNorm(nn.Module):\n    def forward(self, x):\n        return x\n\n\nclass NewModel(nn.Module):",
        );
        text.replace(
            "        return x\n\n\nclass NewFor",
            "        return NewRMSNorm()(x)\n\n\nclass NewFor",
        )
    });
    assert!(made.text.contains("class NewRMSNorm(nn.Module):"), "{}", made.text);
    let kinds: Vec<WorkKind> = made.work.iter().map(|it| it.kind).collect();
    assert!(kinds.contains(&WorkKind::Norm), "{kinds:?}");
    assert!(made.work.iter().all(|it| it.line.is_some()), "{:?}\n{}", made.work, made.text);
    assert!(2 <= made.text.matches("raise NotImplementedError(\"modeling").count());
}

#[test]
fn a_default_that_the_port_never_reads_stops() {
    let made =
        replaced("configuration", "hidden_act: str = \"silu\"", "hidden_act: str = \"gelu\"");
    assert!(made.text.contains("    hidden_act: str = \"gelu\"\n"), "{}", made.text);
    assert!(made.text.contains("if not (self.hidden_act == \"silu\"):"));
    let made = replaced(
        "configuration",
        "    never: int = 3\n",
        "    never: int = 3\n\n    def __post_init__(self):\n        self.never = 4\n",
    );
    assert_eq!(made.work[0].kind, WorkKind::ConfigField, "{:?}", made.work);
}

#[test]
fn what_the_port_takes_and_the_definition_has_not_stops() {
    let made = replaced("configuration", "    vocab_size: int = 100\n", "");
    let [work] = made.work.as_slice() else { panic!("{:?}", made.work) };
    assert_eq!(work.kind, WorkKind::ConfigField);
    assert!(work.construct.contains("has no field `vocab_size`"), "{work:?}");
    assert!(work.line.is_some());
    assert!(made.text.contains("    vocab_size: int = None\n"), "{}", made.text);
}

#[test]
fn what_the_port_reads_and_the_definition_does_not_stops_at_another_default() {
    let port = PORT.replace("    rope_theta: float", "    never: int = 3\n    rope_theta: float");
    let reading = port.replace("args.rope_theta *", "args.rope_theta * args.never *");
    let other = |name: &str, text: String| match name {
        "configuration" => text.replace("never: int = 3", "never: int = 4"),
        _ => text,
    };
    let made = made_from(&reading, other);
    assert!(made.guarded.contains(&"never".to_owned()), "{:?}", made.guarded);
    assert!(made.text.contains("if not (self.never == 3):"), "{}", made.text);
    assert!(!made_from(&port, other).guarded.contains(&"never".to_owned()));
    assert!(!made_from(&reading, |_, text| text).guarded.contains(&"never".to_owned()));
}

#[test]
fn a_port_that_asks_for_its_model_type_stops() {
    let port = PORT.replace(
        "        self.vocab_size = args.vocab_size\n",
        "        self.vocab_size = args.vocab_size\n        self.odd = args.model_type == \"old\"\n",
    );
    let made = made_from(&port, |_, text| text);
    let [work] = made.work.as_slice() else { panic!("{:?}", made.work) };
    assert!(work.construct.contains("which this port asks for"), "{work:?}");
}

/// Rules stand in the table, are added to it line by line, and are taken over from another type.
#[test]
fn names_that_are_changed_on_loading_stop() {
    let table = "_ALIASES = {\"new\": \"c\"}\n\n\ndef _build():\n    mapping = {\"a\": [Renaming(\"x\", \"y\")]}\n";
    for rows in [
        "    mapping[\"new\"] = [Renaming(\"up\", \"up_proj\")]\n",
        "    mapping[\"old\"] = mapping[\"a\"].copy()\n",
        "    mapping[\"c\"] = mapping[\"a\"].copy()\n",
        "    mapping[\"old\"] = mapping[\"a\"].copy()\n    mapping[\"new\"] = mapping[\"old\"].copy()\n    mapping[\"new\"] += [Renaming(\"z\", \"y\")]\n",
    ] {
        let made = made_from(PORT, |name, text| match name {
            "conversion_mapping" => format!("{table}{rows}"),
            _ => text,
        });
        let [work] = made.work.as_slice() else { panic!("{rows}: {:?}", made.work) };
        assert_eq!(work.kind, WorkKind::Weights, "{rows}");
    }
    let same = "    mapping[\"old\"] = [Renaming(\"x\", \"y\")]\n    mapping[\"c\"] = mapping[\"a\"].copy()\n";
    let made = made_from(PORT, |name, text| match name {
        "conversion_mapping" => format!("{table}{same}"),
        _ => text,
    });
    assert!(made.is_complete(), "{:?}", made.work);
    assert!(
        made.conversions[0].ends_with("`new`: [Renaming(\"x\", \"y\")]"),
        "{:?}",
        made.conversions
    );
}

#[test]
fn the_nearest_is_measured() {
    let dir = TempDir::new().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join("models").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("auto/configuration_auto.py", AUTO);
    put("auto/modeling_auto.py", HEADS);
    put("old/configuration_old.py", CONFIG);
    put("old/modeling_old.py", MODELING);
    put("new/configuration_new.py", &CONFIG.replace("Old", "New").replace("\"old", "\"new"));
    put("new/modeling_new.py", &MODELING.replace("Old", "New").replace("_old", "_new"));
    let library = Library::open(dir.path()).unwrap();
    let catalogue = Catalogue::read(&library).unwrap();
    let read = |name: &str| Definition::read(&library, &catalogue, name).unwrap();
    let (new, old) = (read("new"), read("old"));
    let ranked = rank(&new, [(&old, "old")], None);
    assert_eq!((ranked[0].shared_classes, ranked[0].classes), (3, 3));
    assert_eq!(ranked[0].shared_lines, ranked[0].lines);
    assert!(Definition::read(&library, &catalogue, "other").is_err());
}
