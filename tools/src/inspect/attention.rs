//! Whether another attention function can take the place of a model's own.
//!
//! A backend is handed to `ALL_ATTENTION_FUNCTIONS` and gets what a caller of the model passes by
//! keyword. So every attention class must look its function up there, and every module above it must
//! take further keyword arguments and hand them on to it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Place,
    definition::Definition,
    structure::{Described, Flag, ModuleRow},
};

/// The flag that promises it.
pub(super) const PROMISE: &str = "_supports_attention_backend";
/// Containers hand nothing on: what runs over them does.
const CONTAINERS: [&str; 3] = ["ModuleList", "ModuleDict", "Sequential"];

/// Whether a backend can be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttentionVerdict {
    /// It is promised, and the code keeps the promise.
    Ready,
    /// The code would do, but the promise is not made.
    NotPromised,
    /// It is promised, and the code does not keep it.
    PromiseBroken,
    /// Neither.
    NotReady,
    /// The model has no softmax attention.
    NoAttention,
}

impl AttentionVerdict {
    pub fn words(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotPromised => "not promised",
            Self::PromiseBroken => "promise broken",
            Self::NotReady => "not ready",
            Self::NoAttention => "no attention",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AttentionReadiness {
    pub verdict: AttentionVerdict,
    /// `_supports_attention_backend` and the others, with the class that sets each.
    pub flags: Vec<Flag>,
    pub classes: Vec<AttentionClass>,
    /// Why it is not ready.
    pub reasons: Vec<Reason>,
}

/// A class that computes attention.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AttentionClass {
    pub class: String,
    /// Modules of it.
    pub times: u32,
    /// The first of them.
    pub first: String,
    /// Where it looks its function up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_up: Option<Place>,
}

/// A fact that stands in the way, or that speaks for something, and its line.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reason {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

pub(super) fn readiness(described: &Described, definition: &Definition<'_>) -> AttentionReadiness {
    let by_name: BTreeMap<&str, &ModuleRow> =
        described.modules.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut classes: Vec<AttentionClass> = Vec::new();
    let mut reasons: Vec<Reason> = Vec::new();
    for row in &described.modules {
        let Some((file, facts)) = definition.class(row) else { continue };
        if !is_attention(row, facts.looks_up.is_some(), facts.softmax) {
            continue;
        }
        if let Some(known) = classes.iter_mut().find(|it| it.class == row.class) {
            known.times += 1;
        } else {
            let looks_up = facts.looks_up.map(|it| definition.place(file, it));
            classes.push(AttentionClass {
                class: row.class.clone(),
                times: 1,
                first: row.name.clone(),
                looks_up,
            });
            reasons.extend(own_faults(row, file, &facts, definition));
        }
        for reason in faults_above(row, &by_name, definition) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    let promised = described.flags.iter().any(|it| it.name == PROMISE && it.value);
    let verdict = match (classes.is_empty(), promised, reasons.is_empty()) {
        (true, _, _) => AttentionVerdict::NoAttention,
        (false, true, true) => AttentionVerdict::Ready,
        (false, true, false) => AttentionVerdict::PromiseBroken,
        (false, false, true) => AttentionVerdict::NotPromised,
        (false, false, false) => AttentionVerdict::NotReady,
    };
    AttentionReadiness { verdict, flags: described.flags.clone(), classes, reasons }
}

/// A class that looks a function up; or one that is called attention and uses a softmax itself.
fn is_attention(row: &ModuleRow, looks_up: bool, softmax: bool) -> bool {
    looks_up || softmax && row.class.contains("Attention")
}

fn own_faults(
    row: &ModuleRow,
    file: &str,
    facts: &portwright_source::interface::ClassFacts,
    definition: &Definition<'_>,
) -> Vec<Reason> {
    let class = &row.class;
    let forward = facts.forward.as_ref().map(|it| definition.place(file, it.line));
    if facts.looks_up.is_none() {
        let text = format!("`{class}` computes attention itself: it looks no function up");
        return vec![Reason { text, place: forward }];
    }
    let mut found = Vec::new();
    if !facts.takes_more {
        let text = format!("`{class}.forward` takes no further keyword arguments");
        found.push(Reason { text, place: forward });
    } else if let Some(call) = facts.attends.iter().find(|it| !it.passes) {
        let text =
            format!("`{class}` does not hand its keyword arguments to the attention function");
        found.push(Reason { text, place: Some(definition.place(file, call.line)) });
    }
    found
}

/// Modules above that do not hand keyword arguments down to where the attention is.
fn faults_above(
    row: &ModuleRow,
    by_name: &BTreeMap<&str, &ModuleRow>,
    definition: &Definition<'_>,
) -> Vec<Reason> {
    let mut found = Vec::new();
    let parts: Vec<&str> = row.name.split('.').collect();
    let mut child = String::new();
    for depth in (0..parts.len()).rev() {
        let name = parts[..depth].join(".");
        let Some(above) = by_name.get(name.as_str()) else { continue };
        // The attribute of `above` below which the attention stands.
        parts[depth].clone_into(&mut child);
        if CONTAINERS.contains(&above.class.as_str()) {
            continue;
        }
        let Some((file, facts)) = definition.class(above) else { continue };
        let class = &above.class;
        let forward = facts.forward.as_ref().map(|it| definition.place(file, it.line));
        if !facts.takes_more {
            let text = format!("`{class}.forward` takes no further keyword arguments");
            found.push(Reason { text, place: forward });
        } else if !facts.passes.iter().any(|it| it.child.as_deref().is_none_or(|it| it == child)) {
            let text = format!("`{class}` does not hand its keyword arguments on to `{child}`");
            found.push(Reason { text, place: forward });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use portwright_source::{Source, interface::facts};
    use serde_json::json;

    use super::{super::Places, *};

    const TEXT: &str = r"
class Attention(nn.Module):
    def forward(self, x, **kwargs):
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config, eager_attention_forward)
        return attend(self, x, **kwargs)

class Layer(nn.Module):
    def forward(self, x, **kwargs):
        return self.self_attn(x, **kwargs)

class Model(nn.Module):
    def forward(self, x, **kwargs):
        for layer in self.layers:
            x = layer(x, **kwargs)
        return x
";

    fn verdict(text: &str, promised: bool) -> (AttentionVerdict, Vec<String>) {
        let places = Places::default();
        let facts = facts(&Source::parse("m.py", text).unwrap());
        let definition = Definition::of([("m.py".to_owned(), facts)].into(), &places);
        let row = |name: &str, class: &str| json!({"name": name, "class": class, "file": "m.py"});
        let described: Described = serde_json::from_value(json!({
            "model_type": "x", "class": "Model", "file": "m.py", "config_class": "C", "dtype": null,
            "parameters": 0, "bytes": 0, "tied": {}, "plans": {}, "fit": null,
            "config": {"fields": {}, "read": []},
            "flags": [{"name": PROMISE, "value": promised, "class": "Model"}],
            "modules": [row("", "Model"), {"name": "layers", "class": "ModuleList"},
                row("layers.0", "Layer"), row("layers.0.self_attn", "Attention")]
        }))
        .unwrap();
        let found = readiness(&described, &definition);
        (found.verdict, found.reasons.into_iter().map(|it| it.text).collect())
    }

    #[test]
    fn arguments_that_reach_the_function_make_it_ready() {
        assert_eq!(verdict(TEXT, true), (AttentionVerdict::Ready, vec![]));
        assert_eq!(verdict(TEXT, false).0, AttentionVerdict::NotPromised);
    }

    #[test]
    fn each_broken_link_is_named() {
        let lost = TEXT.replace("layer(x, **kwargs)", "layer(x)");
        let (found, reasons) = verdict(&lost, true);
        assert_eq!(found, AttentionVerdict::PromiseBroken);
        assert_eq!(reasons, ["`Model` does not hand its keyword arguments on to `layers`"]);
        let lost = TEXT.replace("attend(self, x, **kwargs)", "attend(self, x)");
        assert!(verdict(&lost, false).1[0].contains("to the attention function"));
        let own = TEXT.replace("ALL_ATTENTION_FUNCTIONS.get_interface", "torch.softmax");
        assert_eq!(verdict(&own, false).0, AttentionVerdict::NotReady);
    }
}
