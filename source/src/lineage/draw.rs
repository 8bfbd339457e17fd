//! A lineage as a picture: lines of text for a terminal, Mermaid for a page.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Descent, Heir, Lineage};

impl Lineage {
    /// The tree as lines of text: a model a branch, its classes below it.
    pub fn to_lines(&self) -> Vec<String> {
        let mut lines = vec![self.model.clone()];
        branches(self, "", &mut lines);
        lines
    }

    /// The tree as a Mermaid flowchart, parents above children.
    pub fn to_mermaid(&self) -> String {
        let mut lines = BTreeSet::new();
        edges(self, &mut lines);
        let mut text = String::from("flowchart TD\n");
        let _ = writeln!(text, "    {0}[\"{0}\"]", node(&self.model));
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
        text
    }
}

fn branches(lineage: &Lineage, indent: &str, lines: &mut Vec<String>) {
    for (index, descent) in lineage.parents.iter().enumerate() {
        let last = index + 1 == lineage.parents.len();
        let (turn, go_on) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let mut line = format!("{indent}{turn}{}", descent.parent.model);
        if descent.parent.told_before {
            line.push_str(" (see above)");
        }
        lines.push(line);
        let indent = format!("{indent}{go_on}");
        let rule = if descent.parent.parents.is_empty() { "    " } else { "│   " };
        for heir in &descent.classes {
            lines.push(format!("{indent}{rule}{} from {}{}", heir.class, heir.base, changes(heir)));
        }
        if !descent.imported.is_empty() {
            lines.push(format!("{indent}{rule}takes {}", descent.imported.join(", ")));
        }
        branches(&descent.parent, &indent, lines);
    }
}

/// What an heir changes, in words; nothing where it changes nothing.
fn changes(heir: &Heir) -> String {
    let lists = [
        ("replaces", &heir.replaced),
        ("extends", &heir.extended),
        ("adds", &heir.added),
        ("removes", &heir.removed),
        ("sets", &heir.attributes),
    ];
    let told: Vec<String> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(verb, list)| format!("{verb} {}", list.join(", ")))
        .collect();
    if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) }
}

fn edges(lineage: &Lineage, lines: &mut BTreeSet<String>) {
    for descent in &lineage.parents {
        let (child, parent) = (node(&lineage.model), node(&descent.parent.model));
        lines.insert(format!(
            "{parent}[\"{parent}\"] -->|\"{}\"| {child}[\"{child}\"]",
            label(descent)
        ));
        edges(&descent.parent, lines);
    }
}

fn label(descent: &Descent) -> String {
    let count = descent.classes.len();
    let unchanged = descent.classes.iter().filter(|heir| heir.is_unchanged()).count();
    match count {
        0 => format!("takes {}", descent.imported.len()),
        1 => format!("1 class, {}", if unchanged == 1 { "unchanged" } else { "changed" }),
        _ => format!("{count} classes, {unchanged} unchanged"),
    }
}

/// A model type as a Mermaid identifier.
fn node(model: &str) -> String {
    model.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
