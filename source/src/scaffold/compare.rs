//! What a class has to write when it inherits from another: the rules of the converter, read
//! backwards, on [`Shape`]s.

use super::extend::{Extension, extend};
use super::shape::{Method, Shape};

/// How much of a class is written out: the shortest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rung {
    /// Methods that extend the parent's call `super()`.
    Extending,
    /// A method that differs is written whole.
    Replacing,
    /// Every member is written.
    Spelling,
}

impl Rung {
    pub(super) const ALL: [Self; 3] = [Self::Extending, Self::Replacing, Self::Spelling];
}

/// What becomes of the parent's decorators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decorators {
    Inherited,
    Written,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// As the parent has it.
    Kept,
    /// The parent's alone, and taken out.
    Removed,
    /// An attribute of the same name takes its place.
    Hidden,
    /// Written whole; with its own decorators or none.
    Whole(Decorators),
    /// The parent's body with changes.
    Extended(Decorators, Extension),
    /// The child's alone.
    Added,
}

#[derive(Debug, Clone)]
pub(super) struct MethodChange {
    pub name: String,
    /// Index among the parent's methods.
    pub parent: Option<usize>,
    pub form: Form,
}

/// What a class writes.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub docstring: bool,
    pub decorators: Decorators,
    /// Bases to name beside the parent, by index.
    pub bases: Vec<usize>,
    /// Attributes to write, by index among the child's.
    pub attributes: Vec<usize>,
    /// The parent's attributes to take out, by name.
    pub removed: Vec<String>,
    /// The child's methods in its order, then the removed ones.
    pub methods: Vec<MethodChange>,
    /// Lines of code that the class takes.
    pub cost: u32,
}

impl Difference {
    /// The same with the first attribute written too, where a docstring is: the blank line after a
    /// docstring goes to the attribute that follows it.
    pub(super) fn opened(&self, child: &Shape) -> Option<Self> {
        let first = child.attributes.first()?;
        let apt = self.docstring
            && self.removed.is_empty()
            && self.attributes.first().is_some_and(|&at| at != 0);
        apt.then(|| {
            let mut opened = self.clone();
            opened.attributes.insert(0, 0);
            opened.cost += first.part.lines;
            opened
        })
    }

    /// Whether nothing but the name differs.
    pub(super) fn is_empty(&self) -> bool {
        !self.docstring
            && self.decorators == Decorators::Inherited
            && self.bases.is_empty()
            && self.attributes.is_empty()
            && self.removed.is_empty()
            && self.methods.iter().all(|method| method.form == Form::Kept)
    }
}

/// Why a class cannot be written as an heir of another.
pub(super) type Obstacle = &'static str;

/// What `child` writes as an heir of `parent`.
pub(super) fn compare(child: &Shape, parent: &Shape, rung: Rung) -> Result<Difference, Obstacle> {
    if child.closed {
        return Err("it has members that inheritance does not carry");
    }
    if child.keywords != parent.keywords {
        return Err("its class keywords differ from the parent's");
    }
    if child.lead != parent.lead {
        return Err("the comment above it differs from the parent's");
    }
    if child.docstring.is_none() && parent.docstring.is_some() {
        return Err("the parent has a docstring, which cannot be taken out");
    }
    let spelling = rung == Rung::Spelling;
    let docstring = child
        .docstring
        .is_some_and(|own| spelling || parent.docstring.map(|it| it.hash) != Some(own.hash));
    let decorators =
        decorators(child.decorators.map(|it| it.hash), parent.decorators.map(|it| it.hash));
    let bases = bases(child, parent)?;
    let (attributes, removed) = attributes(child, parent, spelling)?;
    let methods = methods(child, parent, rung)?;

    let mut cost = 1 + decorator_lines(decorators, child.decorators.map(|it| it.lines));
    cost += if docstring { child.docstring.map_or(0, |it| it.lines) } else { 0 };
    cost += attributes.iter().map(|&index| child.attributes[index].part.lines).sum::<u32>();
    cost += u32::try_from(removed.len()).unwrap_or(u32::MAX);
    for change in &methods {
        cost += method_cost(change, child);
    }
    Ok(Difference { docstring, decorators, bases, attributes, removed, methods, cost: cost.max(2) })
}

fn decorators(child: Option<u64>, parent: Option<u64>) -> Decorators {
    match (child, parent) {
        (own, inherited) if own == inherited => Decorators::Inherited,
        (None, _) => Decorators::Refused,
        (Some(_), _) => Decorators::Written,
    }
}

fn decorator_lines(decorators: Decorators, lines: Option<u32>) -> u32 {
    match decorators {
        Decorators::Inherited => 0,
        Decorators::Refused => 1,
        Decorators::Written => lines.unwrap_or(0),
    }
}

fn method_cost(change: &MethodChange, child: &Shape) -> u32 {
    let own = child.methods.iter().find(|method| method.name == change.name);
    let Some(own) = own else {
        return if change.form == Form::Removed { 2 } else { 0 };
    };
    let decorated = |decorators| decorator_lines(decorators, own.decorators.map(|it| it.lines));
    match &change.form {
        Form::Kept | Form::Hidden | Form::Removed => 0,
        Form::Added | Form::Whole(Decorators::Written) => own.whole.lines,
        Form::Whole(decorators) => {
            own.whole.lines.saturating_sub(own.decorators.map_or(0, |it| it.lines))
                + decorated(*decorators)
        }
        Form::Extended(decorators, extension) => {
            let head = if extension.short_head { 1 } else { own.head_lines() };
            decorated(*decorators) + head + extension.cost
        }
    }
}

fn bases(child: &Shape, parent: &Shape) -> Result<Vec<usize>, Obstacle> {
    if child.bases == parent.bases {
        return Ok(Vec::new());
    }
    let extra: Vec<usize> =
        (0..child.bases.len()).filter(|&at| !parent.bases.contains(&child.bases[at])).collect();
    let missing = parent.bases.iter().filter(|base| !child.bases.contains(base)).count();
    if missing > extra.len() { Err("the parent has a base that it lacks") } else { Ok(extra) }
}

type Attributes = (Vec<usize>, Vec<String>);

/// Which attributes are written, and which of the parent's are taken out.
fn attributes(child: &Shape, parent: &Shape, spelling: bool) -> Result<Attributes, Obstacle> {
    let own = |name: &str| child.attributes.iter().position(|it| it.name == name);
    let removed: Vec<String> = parent
        .attributes
        .iter()
        .filter(|it| own(&it.name).is_none())
        .map(|it| it.name.clone())
        .collect();
    let inherited: Vec<usize> = parent.attributes.iter().filter_map(|it| own(&it.name)).collect();
    let in_place = inherited.iter().copied().eq(0..inherited.len());
    if !in_place {
        return Err("its attributes stand in another order than the parent's");
    }
    let mut written = Vec::new();
    for (index, attribute) in child.attributes.iter().enumerate() {
        match parent.attributes.iter().find(|it| it.name == attribute.name) {
            Some(same) if !spelling && same.part.hash == attribute.part.hash => {}
            _ => written.push(index),
        }
    }
    Ok((written, removed))
}

fn methods(child: &Shape, parent: &Shape, rung: Rung) -> Result<Vec<MethodChange>, Obstacle> {
    let own = |name: &str| child.methods.iter().position(|it| it.name == name);
    let inherited: Vec<usize> = parent.methods.iter().filter_map(|it| own(&it.name)).collect();
    if !inherited.iter().copied().eq(0..inherited.len()) {
        return Err("its methods stand in another order than the parent's");
    }
    let mut changes = Vec::with_capacity(child.methods.len());
    for method in &child.methods {
        let at = parent.methods.iter().position(|it| it.name == method.name);
        let form = match at {
            None => Form::Added,
            Some(at) => change(method, &parent.methods[at], rung)?,
        };
        changes.push(MethodChange { name: method.name.clone(), parent: at, form });
    }
    write_pairs(&mut changes, child, parent)?;
    for (at, method) in parent.methods.iter().enumerate() {
        if own(&method.name).is_none() {
            let hidden = child.attributes.iter().any(|attribute| attribute.name == method.name);
            if method.name.ends_with("_setter")
                && parent.methods.iter().any(|it| method.name == format!("{}_setter", it.name))
            {
                return Err("the parent has a setter, which cannot be taken out alone");
            }
            let form = if hidden { Form::Hidden } else { Form::Removed };
            changes.push(MethodChange { name: method.name.clone(), parent: Some(at), form });
        }
    }
    Ok(changes)
}

/// A property and its setter go by one name in a class, so they are written together.
fn write_pairs(
    changes: &mut [MethodChange],
    child: &Shape,
    parent: &Shape,
) -> Result<(), Obstacle> {
    for index in 0..changes.len() {
        let setter = format!("{}_setter", changes[index].name);
        let Some(other) = changes.iter().position(|it| it.name == setter) else { continue };
        if changes[index].form == Form::Kept && changes[other].form == Form::Kept {
            continue;
        }
        for at in [index, other] {
            let Some(of_parent) = changes[at].parent else { continue };
            changes[at].form = replaced(&child.methods[at], &parent.methods[of_parent])?;
        }
    }
    Ok(())
}

fn change(method: &Method, inherited: &Method, rung: Rung) -> Result<Form, Obstacle> {
    if rung != Rung::Spelling && method.whole.hash == inherited.whole.hash {
        return Ok(Form::Kept);
    }
    let whole = replaced(method, inherited)?;
    let Form::Whole(decorators) = whole else { return Ok(whole) };
    if rung == Rung::Extending
        && let Some(extension) = extend(method, inherited)
    {
        let written = method.statements.iter().map(|it| it.part.lines).sum::<u32>()
            + method.docstring.map_or(0, |it| it.lines);
        if extension.cost < written || extension.short_head {
            return Ok(Form::Extended(decorators, extension));
        }
    }
    Ok(whole)
}

/// The method written whole over the parent's.
fn replaced(method: &Method, inherited: &Method) -> Result<Form, Obstacle> {
    if method.asynchronous != inherited.asynchronous {
        return Err("a method is asynchronous where the parent's is not, or the other way round");
    }
    if method.lead != inherited.lead {
        return Err("the comment above a changed method differs from the parent's");
    }
    if method.docstring.is_none() && inherited.docstring.is_some() {
        return Err("the parent's method has a docstring, which cannot be taken out");
    }
    if method.returns.is_none() && inherited.returns.is_some() {
        return Err("the parent's method has a return annotation, which cannot be taken out");
    }
    let decorators =
        decorators(method.decorators.map(|it| it.hash), inherited.decorators.map(|it| it.hash));
    Ok(Form::Whole(decorators))
}
