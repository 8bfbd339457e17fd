//! Writes a class as an heir: the members that differ, as the input has them.

use std::fmt::Write;

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::compare::{Decorators, Difference, Form};
use super::extend::Extension;
use crate::body::{Body, Member, decorators, function_body, is_super_call};
use crate::modular::View;

/// The text of `child` as an heir of `base`; `parent` is that class, renamed.
pub(super) fn write(
    child: &View<'_>,
    parent: &View<'_>,
    difference: &Difference,
    base: &str,
) -> String {
    let source = &child.node.source;
    let mut text = match difference.decorators {
        Decorators::Inherited => String::new(),
        Decorators::Refused => "@no_inherit_decorator\n".to_owned(),
        Decorators::Written => {
            decorators(source, &child.class.decorator_list, child.class.name.start()).to_owned()
        }
    };
    let mut bases = vec![base];
    bases.extend(
        difference
            .bases
            .iter()
            .filter_map(|&at| child.class.bases().get(at))
            .map(|it| source.slice(it.range())),
    );
    let _ = writeln!(text, "class {}({}):", child.class.name, bases.join(", "));
    let start = text.len();
    if difference.docstring
        && let Some(docstring) = child.docstring()
    {
        text.push_str(docstring.text());
    }
    for name in &difference.removed {
        let _ = writeln!(text, "    {name} = AttributeError()");
    }
    let attributes = child.attributes();
    for &at in &difference.attributes {
        if let Some((_, member)) = attributes.get_index(at) {
            text.push_str(member.text());
        }
    }
    let writer = Writer { child, parent, caller: caller(child) };
    for change in &difference.methods {
        match &change.form {
            Form::Kept | Form::Hidden => {}
            Form::Removed => {
                let _ = write!(
                    text,
                    "\n    def {}(self):\n        raise AttributeError(\"Not needed for {}\")\n",
                    change.name, child.class.name
                );
            }
            Form::Added => writer.method(&mut text, &change.name, Decorators::Written, true),
            Form::Whole(own) => writer.method(&mut text, &change.name, *own, false),
            Form::Extended(own, extension) => {
                writer.extended(&mut text, &change.name, *own, extension);
            }
        }
    }
    if text.len() == start {
        text.push_str("    pass\n");
    }
    text
}

/// The name under which the real parent's methods are called.
fn caller(child: &View<'_>) -> String {
    let bases: Vec<&str> =
        child.class.bases().iter().map(|base| child.node.source.slice(base.range())).collect();
    if bases.iter().any(|base| base.contains("PreTrainedModel")) {
        return "PreTrainedModel".into();
    }
    bases.first().copied().unwrap_or("object").to_owned()
}

struct Writer<'a> {
    child: &'a View<'a>,
    parent: &'a View<'a>,
    caller: String,
}

impl Writer<'_> {
    /// A method whole.
    fn method(&self, text: &mut String, name: &str, own: Decorators, with_lead: bool) {
        let Some(member) = self.child.methods.get(name) else { return };
        let Some(start) = head(text, member, own, with_lead) else { return };
        let range = TextRange::new(start, member.owned.end());
        text.push_str(&self.calling(member, range));
    }

    /// The text of a method in which what the converter would take for the parent's body calls the
    /// real parent by name.
    fn calling(&self, member: &Member<'_>, range: TextRange) -> String {
        let source = member.source;
        let mut text = source.slice(range).to_owned();
        let Some(function) = member.function() else { return text };
        for stmt in function.body.iter().rev().filter(|stmt| is_super_call(stmt, &function.name)) {
            let expr = match stmt {
                Stmt::Expr(expr) => Some(&*expr.value),
                Stmt::Return(returned) => returned.value.as_deref(),
                _ => None,
            };
            let Some(Expr::Call(call)) = expr else { continue };
            let Expr::Attribute(method) = &*call.func else { continue };
            let open =
                (call.arguments.range.start() + TextSize::from(1) - range.start()).to_usize();
            let comma = if call.arguments.is_empty() { "self" } else { "self, " };
            text.insert_str(open, comma);
            let callee = method.value.range() - range.start();
            text.replace_range(callee.start().to_usize()..callee.end().to_usize(), &self.caller);
        }
        text
    }

    /// A method as its parent's body with changes.
    fn extended(&self, text: &mut String, name: &str, own: Decorators, extension: &Extension) {
        let (Some(member), Some(inherited)) =
            (self.child.methods.get(name), self.parent.methods.get(name))
        else {
            return;
        };
        let (Some(function), Some(theirs)) = (member.function(), inherited.function()) else {
            return;
        };
        let body = function_body(member.source, function, member.owned.end());
        let their_body = function_body(inherited.source, theirs, inherited.owned.end());
        let statements =
            |body: &Body<'_>| body.members.iter().position(|it| !it.is_docstring()).unwrap_or(0);
        let (first, their_first) = (statements(&body), statements(&their_body));
        let Some(start) = head(text, member, own, false) else { return };
        if extension.short_head {
            let _ = writeln!(text, "def {}(self, **super_kwargs):", function.name);
        } else {
            let end = body.members.first().map_or(member.owned.end(), |it| it.owned.start());
            text.push_str(member.source.slice(TextRange::new(start, end)));
        }
        if extension.docstring
            && let Some(docstring) = body.members.first()
        {
            text.push_str(docstring.text());
        }
        for &at in &extension.before {
            if let Some(one) = body.members.get(first + at) {
                text.push_str(one.text());
            }
        }
        let returns = extension.after.is_empty()
            && extension.deleted.is_empty()
            && matches!(their_body.members.last().map(|it| it.stmt), Some(Stmt::Return(_)));
        let arguments =
            if extension.short_head { "**super_kwargs".to_owned() } else { arguments(member) };
        let lead = if returns { "return " } else { "" };
        let _ = writeln!(text, "        {lead}super().{}({arguments})", function.name);
        for &at in &extension.deleted {
            if let Some(target) = their_body.members.get(their_first + at).and_then(Member::target)
            {
                let _ = writeln!(text, "        del {target}");
            }
        }
        for &at in &extension.after {
            if let Some(one) = body.members.get(first + at) {
                text.push_str(one.text());
            }
        }
        text.push_str(body.footer);
    }
}

/// Writes what stands before `def`, and gives where that is.
fn head(
    text: &mut String,
    member: &Member<'_>,
    own: Decorators,
    with_lead: bool,
) -> Option<TextSize> {
    let function = member.function()?;
    let source = member.source;
    let written = decorators(source, &function.decorator_list, function.name.start());
    let start = match function.decorator_list.first() {
        Some(first) => first.start() + TextSize::of(written),
        None => member.stmt.start(),
    };
    if with_lead {
        text.push_str(member.lead());
    } else {
        text.push_str("\n    ");
    }
    match own {
        Decorators::Inherited => {}
        Decorators::Refused => text.push_str("@no_inherit_decorator\n    "),
        Decorators::Written => text.push_str(written),
    }
    Some(start)
}

/// The parameters of a method as arguments, without `self`.
fn arguments(member: &Member<'_>) -> String {
    let Some(function) = member.function() else { return String::new() };
    let parameters = &function.parameters;
    let mut list: Vec<String> = parameters
        .posonlyargs
        .iter()
        .chain(&parameters.args)
        .skip(1)
        .map(|it| it.name().to_string())
        .collect();
    list.extend(parameters.vararg.iter().map(|it| format!("*{}", it.name)));
    list.extend(parameters.kwonlyargs.iter().map(|it| format!("{0}={0}", it.name())));
    list.extend(parameters.kwarg.iter().map(|it| format!("**{}", it.name)));
    list.join(", ")
}
