//! The scaffold's text: the nearest port under the new names, with a comment and a stop at every place
//! that is still to be ported.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ruff_python_ast::Stmt;
use ruff_python_ast::token::TokenKind;
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::args::{Args, Edit};
use super::compare::Difference;
use super::definition::Definition;
use super::target::{ARGS, HEAD, Opening, PortFile};
use crate::text::line_end;

/// The port's text under the new names, and where each difference stopped it.
pub(super) fn write(
    child: &Definition,
    parent: &Definition,
    port: &PortFile,
    args: Args,
    differences: &[Difference],
) -> String {
    let names = names(child, parent, port);
    let mut edits: Vec<Edit> = args.edits;
    edits.extend(stops(parent, port, differences));
    rename(&mut edits, port, &names);
    // Of two edits at one place, the first comes first.
    let mut order: Vec<usize> = (0..edits.len()).collect();
    order.sort_by_key(|&it| (edits[it].range.start(), edits[it].range.end(), it));
    let mut out = String::with_capacity(port.text().len() + 4096);
    let mut at = TextSize::from(0);
    for edit in order.into_iter().map(|it| &edits[it]) {
        out.push_str(port.source.slice(TextRange::new(at, edit.range.start())));
        out.push_str(&edit.text);
        at = edit.range.end();
    }
    out.push_str(&port.text()[at.to_usize()..]);
    out
}

/// The comment of a difference.
pub(super) fn comment(difference: &Difference, parent: &Definition) -> String {
    format!("# PORT: {} {}", difference.place(), difference.sentence(&parent.model_type))
}

/// Classes and functions of the port that carry the parent's name, and what they are called now.
fn names(child: &Definition, parent: &Definition, port: &PortFile) -> BTreeMap<String, String> {
    let snake = |it: &str| format!("{}_", it.replace('-', "_"));
    let new = child.prefix().to_owned();
    let prefixes = [
        (parent.prefix().to_owned(), new.clone()),
        (own_prefix(parent, port).unwrap_or_default(), new),
        (snake(&parent.model_type), snake(&child.model_type)),
    ];
    let defined: BTreeSet<&str> = port
        .source
        .stmts()
        .iter()
        .filter_map(|stmt| match stmt {
            Stmt::ClassDef(class) => Some(class.name.as_str()),
            Stmt::FunctionDef(function) => Some(function.name.as_str()),
            _ => None,
        })
        .collect();
    let renamed = |name: &str| {
        let has = |(old, new): &&(String, String)| {
            old != new && !old.is_empty() && name.starts_with(old.as_str())
        };
        let (old, new) = prefixes.iter().find(has)?;
        Some(format!("{new}{}", &name[old.len()..]))
    };
    let all = defined.iter().filter_map(|name| Some(((*name).to_owned(), renamed(name)?)));
    all.filter(|(_, new)| !port.text().contains(new.as_str())).collect()
}

/// What the classes of a port begin with where that is not what the definition's begin with: `Seed` of
/// `SeedModel`, for `SeedOss`; `Llama` of `LlamaModel`, which serves Mistral too.
fn own_prefix(parent: &Definition, port: &PortFile) -> Option<String> {
    let known = [parent.prefix().to_lowercase(), port.name.replace(['_', '-'], "")];
    let prefixes = port.classes.iter().filter_map(|it| it.name.strip_suffix("Model"));
    let mut fitting = prefixes.filter(|it| {
        let it = it.to_lowercase();
        !it.is_empty() && known.iter().any(|known| known.starts_with(&it))
    });
    fitting.next().map(str::to_owned)
}

/// Renames whole tokens, outside of what other edits replace.
fn rename(edits: &mut Vec<Edit>, port: &PortFile, names: &BTreeMap<String, String>) {
    let taken: Vec<TextRange> =
        edits.iter().map(|it| it.range).filter(|it| !it.is_empty()).collect();
    let whole = TextRange::up_to(TextSize::of(port.text()));
    let mut after_dot = false;
    for token in port.source.tokens(whole) {
        let (range, text) = (token.range(), port.source.slice(token.range()));
        let free = !taken.iter().any(|it| it.contains_range(range));
        let new = match token.kind() {
            TokenKind::Name if !after_dot => names.get(text).cloned(),
            // A forward reference: `"Olmo3Model"`.
            TokenKind::String => names.get(text.trim_matches('"')).map(|it| format!("\"{it}\"")),
            _ => None,
        };
        if let Some(text) = new.filter(|_| free) {
            edits.push(Edit { range, text });
        }
        after_dot = token.kind() == TokenKind::Dot;
    }
}

/// The comments and stops, and stand-ins for classes that the port does not have.
fn stops(parent: &Definition, port: &PortFile, differences: &[Difference]) -> Vec<Edit> {
    let mut places: BTreeMap<TextSize, (&Opening, Vec<&Difference>)> = BTreeMap::new();
    let mut missing = String::new();
    let mut nowhere: Vec<&Difference> = Vec::new();
    for difference in differences {
        if difference.is_class
            && difference.counterpart.is_none()
            && difference.says.is_none()
            && difference.unit.is_empty()
            && port.text().contains("nn.Module")
        {
            let _ = write!(
                missing,
                "\n\n{}\nclass {}(nn.Module):\n    def __init__(self, *args, **kwargs):\n        {}\n",
                comment(difference, parent),
                difference.construct,
                raise(&[difference]),
            );
            continue;
        }
        match port.place(difference, parent.prefix()) {
            Some((_, opening)) => {
                places.entry(opening.at).or_insert((opening, Vec::new())).1.push(difference);
            }
            None => nowhere.push(difference),
        }
    }
    // What nothing stops by itself is stopped where the model is made.
    if places.is_empty() && nowhere.is_empty() && !missing.is_empty() {
        nowhere.extend(differences);
    }
    let head = port.class(HEAD).into_iter().flat_map(|it| &it.openings);
    if let Some(opening) = head.into_iter().find(|it| it.method == "__init__")
        && !nowhere.is_empty()
    {
        let entry = places.entry(opening.at).or_insert((opening, Vec::new()));
        entry.1.append(&mut nowhere);
    }
    let mut edits: Vec<Edit> = places
        .into_values()
        .map(|(opening, list)| {
            let lines = list.iter().map(|it| comment(it, parent)).chain([raise(&list)]);
            let text: Vec<String> = lines.map(|it| format!("{}{it}\n", opening.indent)).collect();
            let text = text.concat();
            Edit { range: TextRange::empty(opening.at), text }
        })
        .collect();
    let end = TextSize::of(port.text());
    if !missing.is_empty() {
        let after = port.class(ARGS).map_or(end, |it| line_end(port.text(), it.range.end()));
        edits.push(Edit { range: TextRange::empty(after), text: missing });
    }
    if !nowhere.is_empty() {
        // The port's classes come from elsewhere: importing it is the only place there is.
        let lines = nowhere.iter().map(|it| comment(it, parent)).chain([raise(&nowhere)]);
        let text: Vec<String> = lines.map(|it| format!("\n{it}")).collect();
        let text = text.concat();
        edits.push(Edit { range: TextRange::empty(end), text: format!("{text}\n") });
    }
    edits
}

/// The statement that stops, naming the first place.
fn raise(differences: &[&Difference]) -> String {
    let Some(first) = differences.first() else { return String::new() };
    let more = match differences.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    format!(
        "raise NotImplementedError(\"{}:{}: {} is not ported{more}\")",
        first.file, first.lines.first, first.construct
    )
}
