//! A method as its parent's body with changes: `super().method(...)` and what comes before and after.
//!
//! The converter puts the parent's statements where the call stands, drops assignments that a
//! `del` names, replaces those that are assigned again, and appends what is new. So a body fits when
//! it is some statements of its own, then the parent's in order with such changes, then others.

use std::collections::HashSet;

use super::shape::{Method, Role, Statement, Target};

/// How a body follows from the parent's; statements by index, docstrings not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extension {
    /// Own statements before the call.
    pub before: Vec<usize>,
    /// Own statements after it: replacements and additions, in order.
    pub after: Vec<usize>,
    /// Statements of the parent whose targets are deleted.
    pub deleted: Vec<usize>,
    /// Whether the docstring differs from the parent's and is written.
    pub docstring: bool,
    /// Whether the parameters are the parent's and `**super_kwargs` stands for them.
    pub short_head: bool,
    /// Lines of code of the body.
    pub cost: u32,
}

/// The shortest way to write `method` in terms of `parent`, if there is one.
pub(super) fn extend(method: &Method, parent: &Method) -> Option<Extension> {
    if parent.statements.is_empty() {
        return None;
    }
    let docstring =
        method.docstring.filter(|own| parent.docstring.is_none_or(|it| it.hash != own.hash));
    let (own, inherited) = align_ends(method, parent)?;
    // Nothing is assigned before the call of `super().__init__` that is to make the object.
    let longest = if parent.statements[0].inits { 0 } else { own.len() };
    let best = (0..=longest)
        .filter_map(|before| fit(method, parent, &own, &inherited, before))
        .min_by_key(|it| it.cost);
    best.map(|mut extension| {
        extension.docstring = docstring.is_some();
        extension.cost += docstring.map_or(0, |it| it.lines);
        let alone = extension.before.is_empty()
            && extension.after.is_empty()
            && extension.deleted.is_empty();
        let long = method.parameters.lines > 1 && method.parameters.hash == parent.parameters.hash;
        extension.short_head = alone && long && method.returns == parent.returns;
        extension
    })
}

/// The statements that are matched in order. The call of `super().__init__` that opens a body and
/// the `self.post_init()` that closes it find their places by themselves.
fn align_ends(method: &Method, parent: &Method) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut own: Vec<usize> = (0..method.statements.len()).collect();
    let mut inherited: Vec<usize> = (0..parent.statements.len()).collect();
    if parent.statements[0].inits {
        let first = method.statements.first()?;
        if first.part.hash != parent.statements[0].part.hash {
            return None;
        }
        own.remove(0);
        inherited.remove(0);
    } else if method.statements.iter().any(|it| it.inits)
        != parent.statements.iter().any(|it| it.inits)
    {
        return None;
    }
    if let Some(at) = parent.statements.iter().position(|it| it.role == Role::PostInit) {
        let last = method.statements.last()?;
        if last.part.hash != parent.statements[at].part.hash
            || own.pop() != Some(method.statements.len() - 1)
        {
            return None;
        }
        inherited.retain(|&it| it != at);
    }
    Some((own, inherited))
}

/// The extension whose call comes after `before` statements of its own.
fn fit(
    method: &Method,
    parent: &Method,
    own: &[usize],
    inherited: &[usize],
    before: usize,
) -> Option<Extension> {
    let mut at = before;
    let (mut after, mut deleted) = (Vec::new(), Vec::new());
    let mut kept = HashSet::new();
    for &index in inherited {
        let theirs = &parent.statements[index];
        match own.get(at).map(|&index| (index, &method.statements[index])) {
            Some((_, ours)) if ours.part.hash == theirs.part.hash => {
                kept.insert(ours.part.hash);
                at += 1;
            }
            Some((index, ours)) if replaces(ours, theirs) => {
                after.push(index);
                at += 1;
            }
            _ if theirs.target != Target::None => deleted.push(index),
            _ => return None,
        }
    }
    let rest = &own[at..];
    // What is already there would not be appended a second time; what is assigned twice replaces both.
    if rest.iter().any(|&index| kept.contains(&method.statements[index].part.hash)) {
        return None;
    }
    after.extend(rest);
    if after.iter().any(|&index| method.statements[index].role == Role::SuperCall) {
        return None;
    }
    if reads_inherited(method, parent, &own[..before], &after) {
        return None;
    }
    let lines =
        |list: &[usize]| list.iter().map(|&index| method.statements[index].part.lines).sum::<u32>();
    let cost = lines(&own[..before]) + 1 + lines(&after) + u32::try_from(deleted.len()).ok()?;
    Some(Extension {
        before: own[..before].to_vec(),
        after,
        deleted,
        docstring: false,
        short_head: false,
        cost,
    })
}

/// Whether what is written reads a local that only the parent's body binds: it would convert back,
/// but nobody could read it.
fn reads_inherited(method: &Method, parent: &Method, before: &[usize], after: &[usize]) -> bool {
    let theirs: HashSet<u64> = parent.statements.iter().flat_map(|it| &it.binds).copied().collect();
    let mut bound: HashSet<u64> = method.names.iter().copied().collect();
    before.iter().chain(after).any(|&index| {
        let statement = &method.statements[index];
        let reads = |name: &u64| {
            theirs.contains(name) && !bound.contains(name) && !statement.binds.contains(name)
        };
        let unknown = statement.reads.iter().any(reads);
        bound.extend(&statement.binds);
        unknown
    })
}

fn replaces(ours: &Statement, theirs: &Statement) -> bool {
    matches!((ours.target, theirs.target), (Target::Assigned(a), Target::Assigned(b)) if a == b)
}
