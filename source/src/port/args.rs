//! The config class of a port, `ModelArgs`, made again from the definition's config class.
//!
//! What the port reads and the definition has takes the definition's default; what the definition reads
//! and the port never does is taken too and *guarded*: any other value than the one that the port was
//! right at stops with the field's name. Both spellings of the RoPE settings are taken.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::compare::{Difference, WorkKind};
use super::definition::{Definition, Field};
use super::meaning::Lines;
use super::target::{ARGS, PortFile};
use crate::text::{line_end, line_start};

/// Config fields of the definition that are known to be none of a port's business where it never reads
/// them: how long a table of rotations is kept.
const FREE: &[&str] = &["max_position_embeddings", "rope_parameters"];

/// What holds of a field that a port never reads, as long as the port is right.
const PRESUMED: &[(&str, &str)] = &[
    ("layer_types", "all(it == \"full_attention\" for it in self.layer_types or [])"),
    ("sliding_window", "self.sliding_window is None"),
    ("attention_chunk_size", "self.attention_chunk_size is None"),
];

/// A field as a port declares it.
struct Declared {
    name: String,
    annotation: String,
    default: Option<String>,
}

/// A text that takes the place of a range of the port.
pub(super) struct Edit {
    pub range: TextRange,
    pub text: String,
}

/// `ModelArgs`, made again.
#[derive(Default)]
pub(super) struct Args {
    pub edits: Vec<Edit>,
    /// Fields of which the port knows too little.
    pub differences: Vec<Difference>,
    /// Fields that stop at other values than one.
    pub guarded: Vec<String>,
    /// Whether it says anything else than the port's own.
    pub changed: bool,
}

/// A field written again: its line, and whether it has a default.
struct Line {
    text: String,
    required: bool,
}

/// Makes the `ModelArgs` of `port` again. `reads` is what the port and the ports it imports from read.
pub(super) fn make(
    child: &Definition,
    parent: &Definition,
    port: &PortFile,
    reads: &BTreeSet<String>,
) -> Args {
    let mut args = Args::default();
    let declared = declared(port);
    let config = &child.config;
    // A port that keeps its config in one dict, or elsewhere, is taken as it is.
    let common = |it: &&Declared| parent.config.fields.contains_key(&it.name);
    let Some((declared, range)) =
        declared.filter(|(fields, _)| 3 <= fields.iter().filter(common).count())
    else {
        args.differences = defaults(child, parent);
        return args;
    };
    let has = |name: &str| declared.iter().any(|it| it.name == name);
    let spells = config.fields.contains_key("rope_parameters")
        && has("rope_theta")
        && !has("rope_parameters");
    let mut lines: Vec<Line> = Vec::new();
    for field in &declared {
        let (line, differs) = kept(field, child, spells);
        args.changed |= differs;
        if let Some(difference) = lost(field, child, parent) {
            args.differences.push(difference);
        }
        lines.push(line);
    }
    let mut guards = String::new();
    for name in child.reads.keys().filter(|it| !has(it) && !FREE.contains(&it.as_str())) {
        let field = &config.fields[name];
        let guard = if reads.contains(name) { Guard::None } else { guard(name, &declared, parent) };
        match guard {
            Guard::None => {}
            Guard::Unknown => args.differences.push(unread(child, name, field)),
            Guard::Holds(condition) => {
                args.guarded.push(name.clone());
                let file = Definition::file_name(&child.source);
                let at = format!("{file}:{}", child.reads[name]);
                let _ = write!(
                    guards,
                    "        # PORT: {at} reads `{name}`, this port does not\n        if not ({condition}):\n            \
                     raise NotImplementedError(f\"{at}: {name}={{self.{name}!r}}\")\n",
                );
            }
        }
        lines.push(new_field(name, field));
    }
    let mut prelude = String::new();
    if spells {
        lines.push(Line {
            text: "    rope_parameters: dict | None = None\n".into(),
            required: false,
        });
        prelude = spelling(has("partial_rotary_factor"), has("rope_scaling"));
    }
    args.changed |= spells || declared.len() != lines.len();
    // Fields without a default come first, as a dataclass asks.
    lines.sort_by_key(|it| !it.required);
    let text: String = lines.into_iter().map(|it| it.text).collect();
    args.edits.push(Edit { range, text });
    post_init(&mut args, port, &(prelude + &guards), range);
    args
}

/// The names of the fields of a port's `ModelArgs`.
pub(super) fn declared_names(port: &PortFile) -> Vec<String> {
    let fields = declared(port).map(|(fields, _)| fields).unwrap_or_default();
    fields.into_iter().map(|it| it.name).collect()
}

/// The fields that `ModelArgs` declares one below the other, and the lines that they take.
fn declared(port: &PortFile) -> Option<(Vec<Declared>, TextRange)> {
    let source = &*port.source;
    let class = source.stmts().iter().find_map(|stmt| match stmt {
        Stmt::ClassDef(class) if class.name.as_str() == ARGS => Some(class),
        _ => None,
    })?;
    let mut fields: Vec<Declared> = Vec::new();
    let mut range: Option<TextRange> = None;
    let mut ended = false;
    for stmt in &class.body {
        let Stmt::AnnAssign(assign) = stmt else {
            ended |= !fields.is_empty();
            continue;
        };
        if ended {
            return None;
        }
        let Expr::Name(name) = &*assign.target else { return None };
        let slice = |expr: &Expr| source.slice(expr.range()).to_owned();
        fields.push(Declared {
            name: name.id.to_string(),
            annotation: slice(&assign.annotation),
            default: assign.value.as_deref().map(slice),
        });
        let (start, end) =
            (line_start(source.text(), stmt.start()), line_end(source.text(), stmt.end()));
        range = Some(TextRange::new(range.map_or(start, |it| it.start()), end));
    }
    Some((fields, range?))
}

/// A field of the port under the definition's default; whether that is another one.
fn kept(field: &Declared, child: &Definition, spells: bool) -> (Line, bool) {
    let name = &field.name;
    let own = field.default.clone();
    let default = match child.config.fields.get(name) {
        _ if name == "model_type" => own.as_ref().map(|_| format!("\"{}\"", child.model_type)),
        _ if name == "rope_theta" && spells => Some(child.config.default_theta.clone()),
        _ if own.is_none() && spells && is_rope_setting(name) => Some("None".to_owned()),
        Some(Field { default: Some(default), plain: true, .. })
            // Whoever asks for a value that the config class computes is not given `None`.
            if default != "None" || own.as_deref() == Some("None") =>
        {
            Some(default.clone())
        }
        _ => own.clone(),
    };
    let required = default.is_none();
    let value = default.as_ref().map(|it| format!(" = {it}")).unwrap_or_default();
    let text = format!("    {name}: {}{value}\n", field.annotation);
    (Line { text, required }, default != own)
}

fn is_rope_setting(name: &str) -> bool {
    ["rope_scaling", "partial_rotary_factor"].contains(&name)
}

/// A field that the parent's config has and the child's has not: the port goes on with its own default,
/// which must be the one that the parent's config has.
fn lost(field: &Declared, child: &Definition, parent: &Definition) -> Option<Difference> {
    let name = &field.name;
    let theirs = parent.config.fields.get(name).filter(|_| parent.reads.contains_key(name))?;
    if child.config.fields.contains_key(name) || theirs.default == field.default {
        return None;
    }
    let says = format!("has no field `{name}`, which {} has", parent.config.class);
    Some(of_config(child, child.config.part.lines, says))
}

fn unread(child: &Definition, name: &str, field: &Field) -> Difference {
    let lines = Lines { first: field.line, last: field.line };
    of_config(child, lines, format!("has `{name}`, which this port never reads"))
}

fn of_config(child: &Definition, lines: Lines, says: String) -> Difference {
    Difference {
        kind: WorkKind::ConfigField,
        role: "Config".to_owned(),
        unit: "__post_init__".to_owned(),
        construct: child.config.class.clone(),
        counterpart: None,
        is_class: false,
        file: Definition::file_name(&child.config.source),
        lines,
        says: Some(says),
    }
}

/// Fields whose defaults differ, where the port's own config class is left as it is.
fn defaults(child: &Definition, parent: &Definition) -> Vec<Difference> {
    let mut found = Vec::new();
    for name in child.reads.keys() {
        let field = &child.config.fields[name];
        let theirs = parent.config.fields.get(name);
        if theirs.is_none_or(|it| it.default != field.default) {
            let lines = Lines { first: field.line, last: field.line };
            let says = format!("gives `{name}` another default than {}", parent.config.class);
            found.push(of_config(child, lines, says));
        }
    }
    found
}

enum Guard {
    None,
    Holds(String),
    Unknown,
}

/// What must hold of a field that the port never reads.
fn guard(name: &str, declared: &[Declared], parent: &Definition) -> Guard {
    if let Some((_, condition)) = PRESUMED.iter().find(|(field, _)| *field == name) {
        return Guard::Holds((*condition).to_owned());
    }
    let has = |field: &str| declared.iter().any(|it| it.name == field);
    if name == "head_dim" && has("hidden_size") && has("num_attention_heads") {
        let computed = "self.hidden_size // self.num_attention_heads";
        return Guard::Holds(format!("self.head_dim in (None, {computed})"));
    }
    match parent.config.fields.get(name) {
        Some(Field { default: Some(default), .. }) if default == "None" => {
            Guard::Holds(format!("self.{name} is None"))
        }
        Some(Field { default: Some(default), plain: true, .. }) => {
            Guard::Holds(format!("self.{name} == {default}"))
        }
        _ => Guard::Unknown,
    }
}

fn new_field(name: &str, field: &Field) -> Line {
    let annotation = field.annotation.replace("RopeParameters", "dict");
    let default = field.default.as_ref().filter(|_| field.plain).map_or("None", String::as_str);
    Line { text: format!("    {name}: {annotation} = {default}\n"), required: false }
}

/// The statements that read `rope_parameters` as transformers 5 writes them.
fn spelling(has_factor: bool, has_scaling: bool) -> String {
    let mut text = "        # transformers 5 keeps the RoPE settings in one dict.\n        \
         if self.rope_parameters is not None:\n            \
         rope = dict(self.rope_parameters)\n            \
         if any(isinstance(it, dict) for it in rope.values()):\n                \
         raise NotImplementedError(\"rope_parameters by layer type\")\n            \
         self.rope_theta = rope.pop(\"rope_theta\", self.rope_theta)\n"
        .to_owned();
    text += if has_factor {
        "            self.partial_rotary_factor = rope.pop(\n                \
         \"partial_rotary_factor\", self.partial_rotary_factor\n            )\n"
    } else {
        "            if rope.pop(\"partial_rotary_factor\", 1.0) != 1.0:\n                \
         raise NotImplementedError(\"partial_rotary_factor\")\n"
    };
    text += "            if rope.get(\"rope_type\", \"default\") != \"default\":\n";
    text += if has_scaling {
        "                self.rope_scaling = rope\n"
    } else {
        "                raise NotImplementedError(f\"rope_type {rope['rope_type']}\")\n"
    };
    text
}

/// Puts `text` first in `__post_init__`, which is made where there is none.
fn post_init(args: &mut Args, port: &PortFile, text: &str, fields: TextRange) {
    if text.is_empty() {
        return;
    }
    let opening = port.class(ARGS).into_iter().flat_map(|it| &it.openings);
    let place = opening.into_iter().find(|it| it.method == "__post_init__");
    if let Some(place) = place {
        args.edits.push(Edit { range: TextRange::empty(place.at), text: text.to_owned() });
    } else if let Some(edit) = args.edits.iter_mut().find(|it| it.range == fields) {
        let _ = write!(edit.text, "\n    def __post_init__(self):\n{text}");
    }
}

/// Whether an expression is a constant that a dataclass takes as a default.
pub(super) fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::UnaryOp(unary) => is_plain(&unary.operand),
        Expr::BinOp(both) => is_plain(&both.left) && is_plain(&both.right),
        Expr::Tuple(tuple) => tuple.elts.iter().all(|it| is_plain(it)),
        _ => false,
    }
}
