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
use super::inert;
use super::meaning::Lines;
use super::target::{ARGS, PortFile};
use crate::text::{Source, line_end, line_start};

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
    if port.asks_model_type() && child.model_type != parent.model_type {
        let says = format!(
            "is of another model type than {}, which this port asks for",
            parent.config.class
        );
        args.differences.push(of_config(child, child.config.part.lines, says));
    }
    if child.is_whole_config != parent.is_whole_config {
        let says = format!(
            "is a whole config.json where {} is a part of one, or the reverse",
            parent.config.class
        );
        args.differences.push(of_config(child, child.config.part.lines, says));
    }
    let declared = declared(port);
    let config = &child.config;
    // A port that keeps its config in one dict, or elsewhere, is taken as it is.
    let common = |it: &&Declared| parent.config.fields.contains_key(&it.name);
    let Some((declared, range)) =
        declared.filter(|(fields, _)| 3 <= fields.iter().filter(common).count())
    else {
        args.differences.extend(defaults(child, parent));
        return args;
    };
    let has = |name: &str| declared.iter().any(|it| it.name == name);
    let spells = config.fields.contains_key("rope_parameters")
        && has("rope_theta")
        && !has("rope_parameters");
    let mut lines: Vec<Line> = Vec::new();
    let mut lost: Vec<String> = Vec::new();
    for field in &declared {
        let is_lost = is_lost(field, child, parent, spells);
        lost.extend(is_lost.then(|| format!("`{}`", field.name)));
        let (line, differs) = kept(field, child, spells, is_lost);
        args.changed |= differs;
        args.differences.extend(computed(field, child, parent));
        lines.push(line);
    }
    args.differences.extend(has_no(&lost, child));
    let mut guards = String::new();
    for field in declared.iter().filter(|it| reads.contains(&it.name)) {
        let name = &field.name;
        if !is_surplus(name, child, parent) {
            continue;
        }
        let theirs = parent.config.fields.get(name).filter(|it| it.plain);
        let right_at = theirs.and_then(|it| it.default.as_deref()).or(field.default.as_deref());
        if let Some(value) = right_at {
            let at = place(&config.source, config.fields[name].line);
            let why = "this port reads `{}`, the definition does not";
            guards += &stop_unless(&equals(name, value), name, &at, why);
            args.guarded.push(name.clone());
        } else {
            let says = format!("has `{name}`, which this port reads and the definition does not");
            let line = config.fields[name].line;
            args.differences.push(of_config(child, Lines { first: line, last: line }, says));
        }
    }
    for name in child.reads.keys().filter(|it| !FREE.contains(&it.as_str())) {
        let field = &config.fields[name];
        if !has(name) {
            lines.push(new_field(name, field));
        }
        if reads.contains(name) {
            continue;
        }
        if let Some(condition) = guard(name, &declared, parent) {
            let at = place(&child.source, child.reads[name]);
            let why = "the definition reads `{}`, this port does not";
            guards += &stop_unless(&condition, name, &at, why);
            args.guarded.push(name.clone());
        } else {
            args.differences.push(unread(child, name, field));
        }
    }
    let takes_theta = has("rope_theta") && is_number(&config.default_theta);
    if !takes_theta && config.default_theta != parent.config.default_theta {
        let says = format!("rotates by another base than {}", parent.config.class);
        args.differences.push(of_config(child, config.part.lines, says));
    }
    let mut prelude = String::new();
    if spells {
        lines.push(Line {
            text: "    rope_parameters: dict | None = None\n".into(),
            required: false,
        });
        prelude = spelling(has("partial_rotary_factor"), has("rope_scaling"));
    }
    args.changed |= spells || declared.len() != lines.len() || !guards.is_empty();
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
        range = Some(TextRange::new(range.map_or(start, TextRange::start), end));
    }
    Some((fields, range?))
}

/// A field of the port under the definition's default; whether that is another one.
fn kept(field: &Declared, child: &Definition, spells: bool, is_lost: bool) -> (Line, bool) {
    let name = &field.name;
    let own = field.default.clone();
    let default = match child.config.fields.get(name) {
        _ if name == "model_type" => own.as_ref().map(|_| format!("\"{}\"", child.model_type)),
        None if name == "rope_theta"
            && child.config.fields.contains_key("rope_parameters")
            && is_number(&child.config.default_theta) => Some(child.config.default_theta.clone()),
        _ if own.is_none() && (is_lost || (spells && is_rope_setting(name))) => {
            Some("None".to_owned())
        }
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

/// Whether a base of rotations is one, and not one for each kind of layer.
fn is_number(theta: &str) -> bool {
    theta.parse::<f64>().is_ok()
}

fn is_rope_setting(name: &str) -> bool {
    ["rope_scaling", "partial_rotary_factor"].contains(&name)
}

/// Whether the child's config has no such field, though the port cannot do without it or the parent's
/// definition reads it: what the library does without it is not what the port's default says.
fn is_lost(field: &Declared, child: &Definition, parent: &Definition, spells: bool) -> bool {
    let name = &field.name;
    let spelled = spells && (name == "rope_theta" || is_rope_setting(name));
    let required = field.default.is_none() && child.model_type != parent.model_type;
    let needed = parent.reads.contains_key(name) || (required && !spelled);
    needed && name != "model_type" && !child.config.fields.contains_key(name)
}

/// A field whose default the config class computes, and not as the parent's does.
fn computed(field: &Declared, child: &Definition, parent: &Definition) -> Option<Difference> {
    let own =
        child.config.fields.get(&field.name).filter(|it| !it.plain && it.default.is_some())?;
    let theirs = parent.config.fields.get(&field.name).and_then(|it| it.default.as_ref());
    let names = std::slice::from_ref(&field.name);
    (theirs != own.default.as_ref()).then(|| other_defaults(names, child, parent))
}

/// `names` are fields of the child, and not empty.
fn other_defaults(names: &[String], child: &Definition, parent: &Definition) -> Difference {
    let lines = || names.iter().map(|it| child.config.fields[it].line);
    let lines = Lines { first: lines().min().unwrap_or(1), last: lines().max().unwrap_or(1) };
    let class = &parent.config.class;
    let says = format!("gives `{}` another default than {class}", names.join("`, `"));
    of_config(child, lines, says)
}

fn has_no(names: &[String], child: &Definition) -> Option<Difference> {
    let says = format!("has no field {}, which this port takes", names.join(", "));
    (!names.is_empty()).then(|| of_config(child, child.config.part.lines, says))
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

/// Fields that differ, where the port's own config class is left as it is.
fn defaults(child: &Definition, parent: &Definition) -> Vec<Difference> {
    let lost = parent.reads.keys().filter(|it| !child.config.fields.contains_key(*it));
    let lost: Vec<String> = lost.map(|it| format!("`{it}`")).collect();
    let mut found: Vec<Difference> = has_no(&lost, child).into_iter().collect();
    let others = child.reads.keys().filter(|name| {
        let theirs = parent.config.fields.get(*name);
        theirs.is_none_or(|it| it.default != child.config.fields[*name].default)
    });
    let others: Vec<String> = others.cloned().collect();
    found.extend((!others.is_empty()).then(|| other_defaults(&others, child, parent)));
    found
}

/// What must hold of a field that the port never reads; `None` where nothing is known.
fn guard(name: &str, declared: &[Declared], parent: &Definition) -> Option<String> {
    if let Some((_, condition)) = PRESUMED.iter().find(|(field, _)| *field == name) {
        return Some((*condition).to_owned());
    }
    let has = |field: &str| declared.iter().any(|it| it.name == field);
    if name == "head_dim" && has("hidden_size") && has("num_attention_heads") {
        return Some(
            "self.head_dim in (None, self.hidden_size // self.num_attention_heads)".into(),
        );
    }
    let field = parent.config.fields.get(name).filter(|it| it.plain)?;
    field.default.as_ref().map(|it| equals(name, it))
}

/// Whether a port that reads the field `name` is led astray: no code of the definition reads it, or the
/// parent's config has none, and the default is another one.
fn is_surplus(name: &str, child: &Definition, parent: &Definition) -> bool {
    let Some(field) = child.config.fields.get(name) else { return false };
    let same = parent
        .config
        .fields
        .get(name)
        .is_some_and(|it| it.default == field.default || child.reads.contains_key(name));
    !same && !inert::field(name) && !FREE.contains(&name)
}

fn equals(name: &str, value: &str) -> String {
    let operator = if value == "None" { "is" } else { "==" };
    format!("self.{name} {operator} {value}")
}

fn place(source: &Source, line: usize) -> String {
    format!("{}:{line}", Definition::file_name(source))
}

/// The statement that stops unless `condition` holds; `why` has `{}` for the field's name.
fn stop_unless(condition: &str, name: &str, at: &str, why: &str) -> String {
    let why = why.replace("{}", name);
    format!(
        "        # PORT: {at}: {why}\n        if not ({condition}):\n            \
         raise NotImplementedError(f\"{at}: {name}={{self.{name}!r}}\")\n"
    )
}

/// What an annotation may name without an import.
const BUILTIN: &[&str] = &["None", "bool", "dict", "float", "int", "list", "str", "tuple"];

fn new_field(name: &str, field: &Field) -> Line {
    let annotation = field.annotation.replace("RopeParameters", "dict");
    let mut words = annotation.split(|it: char| !it.is_alphanumeric() && it != '_');
    let known = words.all(|it| it.is_empty() || BUILTIN.contains(&it));
    let annotation = if known { annotation.as_str() } else { "object" };
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
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_plain),
        _ => false,
    }
}
