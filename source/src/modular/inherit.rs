//! Builds the class that `class C(B): ...` of a modular file stands for: the text of the parent,
//! renamed, with what the modular file changes.

use std::collections::HashSet;
use std::fmt::Write;

use indexmap::IndexMap;
use ruff_python_ast::{Decorator, Expr, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::prefix::common_suffix;
use super::unravel::Unraveller;
use crate::body::{Body, Member, class_body, decorators, function_body};
use crate::naming::ModelNames;
use crate::problem::Problem;
use crate::rename::{Renaming, Scope as Renamed};
use crate::rules::Rules;
use crate::text::Node;

/// A class with its members, ready to be compared.
pub(crate) struct View<'a> {
    pub node: &'a Node,
    pub class: &'a StmtClassDef,
    pub body: Body<'a>,
    pub methods: IndexMap<String, Member<'a>>,
}

impl<'a> View<'a> {
    pub(crate) fn of(node: &'a Node) -> Result<Self, Problem> {
        let Stmt::ClassDef(class) = node.stmt() else {
            return Err(node.source.problem(node.stmt().range(), "not a class"));
        };
        let body = class_body(&node.source, class, node.owned().end());
        let methods = methods(&body.members);
        Ok(Self { node, class, body, methods })
    }

    pub(crate) fn docstring(&self) -> Option<Member<'a>> {
        self.body.members.iter().rfind(|member| member.is_docstring()).copied()
    }

    /// The members that assign, by their targets.
    pub(crate) fn attributes(&self) -> IndexMap<&'a str, Member<'a>> {
        self.body.members.iter().filter_map(|member| Some((member.target()?, *member))).collect()
    }
}

/// The methods by name. A property hides the method it replaces as `<name>_setter`, so does a setter
/// that follows its property.
fn methods<'a>(members: &[Member<'a>]) -> IndexMap<String, Member<'a>> {
    let mut methods: IndexMap<String, Member<'a>> = IndexMap::new();
    for member in members {
        let Some(function) = member.function() else { continue };
        let name = function.name.to_string();
        let is_property = matches!(function.decorator_list.first().map(|d| &d.expression),
            Some(Expr::Name(decorator)) if decorator.id.as_str() == "property");
        match methods.get(&name).copied() {
            None => drop(methods.insert(name, *member)),
            Some(earlier) if is_property => {
                methods.insert(format!("{name}_setter"), earlier);
                methods.insert(name, *member);
            }
            Some(_) => drop(methods.insert(format!("{name}_setter"), *member)),
        }
    }
    methods
}

/// The class of `child` spelled out. `base` is the name that it inherits from, `parent` that class
/// in its renamed file.
pub(crate) fn inherit(
    names: &ModelNames,
    child: &Node,
    base: &str,
    renamed_base: &str,
    parent: &Node,
    model: &str,
) -> Result<Node, Problem> {
    let child = View::of(child)?;
    let documented = document(names, &child, renamed_base, parent, model)
        .map_err(|it| spelled_out(&child, &it))?;
    let parent = View::of(documented.as_ref().unwrap_or(parent))?;
    let bases = bases(&child, base, &parent)?;

    let mut text = String::with_capacity(parent.node.text().len());
    text.push_str(lead(parent.node.text(), parent.node.owned(), parent.class.start()));
    text.push_str(&class_decorators(names.rules, &child, &parent)?);
    let _ = write!(text, "class {}{}:", child.class.name, header(&bases, &parent));
    text.push('\n');
    let body = members(names.rules, &child, &parent, &bases)?;
    if body.is_empty() {
        text.push_str("    pass\n");
    }
    text.push_str(&body);
    Node::from_text(child.node.source.path(), text).map_err(|it| spelled_out(&child, &it))
}

/// What is wrong with the text of a class that the modular file only names.
fn spelled_out(child: &View<'_>, problem: &Problem) -> Problem {
    let message = format!("spelled out, this class is not Python: {}", problem.message);
    let place = problem.place.as_ref();
    let line = place.map(|place| format!("its line {} is `{}`", place.line, place.text.trim()));
    let problem = child.node.source.problem(child.class.name.range(), message);
    line.into_iter().fold(problem, Problem::with_help)
}

/// What stands before `at` in a node's text.
fn lead(text: &str, owned: TextRange, at: TextSize) -> &str {
    // A text of one statement counts its leading lines from the start of the file.
    let whole = text.len() > owned.len().to_usize();
    let length = if whole { at.to_usize() } else { (at - owned.start()).to_usize() };
    &text[..length]
}

/// The parent with its comments and strings renamed, where the class goes by a name of its own.
pub(super) fn document(
    names: &ModelNames,
    child: &View<'_>,
    renamed_base: &str,
    parent: &Node,
    model: &str,
) -> Result<Option<Node>, Problem> {
    let name = child.class.name.as_str();
    if name == renamed_base {
        return Ok(None);
    }
    let suffix = common_suffix(name, renamed_base);
    let strip =
        |name: &str| if suffix.is_empty() { name.to_owned() } else { name.replace(suffix, "") };
    let renaming =
        Renaming::new(names, &names.snake(&strip(renamed_base)), &names.snake(&strip(name)), model);
    let renamed = renaming.text(&parent.source, parent.owned(), Renamed::Docs);
    let head = &parent.text()[..parent.text().len() - parent.owned().len().to_usize()];
    Node::from_text(parent.source.path(), format!("{head}{renamed}")).map(Some)
}

/// The bases of the written class: the parent's, those that the modular file swaps for others of
/// their ending, and the further ones that it names.
fn bases(child: &View<'_>, base: &str, parent: &View<'_>) -> Result<Vec<String>, Problem> {
    let source = &child.node.source;
    let mut extra = Vec::new();
    for written in child.class.bases() {
        let text = source.slice(written.range());
        if !is_dotted(written) {
            return Err(source.problem(written.range(), "a base class must be a dotted name"));
        }
        if text != base {
            extra.push(text);
        }
    }
    let mut bases: Vec<String> = Vec::new();
    for original in parent.class.bases() {
        let text = parent.node.source.slice(original.range());
        let swap = original
            .is_name_expr()
            .then(|| extra.iter().position(|other| swaps(other, text)))
            .flatten();
        bases.push(swap.map_or_else(|| text.to_owned(), |index| extra.remove(index).to_owned()));
    }
    for other in extra {
        if !bases.iter().any(|base| base == other) {
            bases.push(other.to_owned());
        }
    }
    if bases.iter().any(|base| base == "GradientCheckpointingLayer") {
        bases.retain(|base| base != "nn.Module");
    }
    Ok(bases)
}

/// Whether a base named in the modular file takes the place of the parent's base `original`.
fn swaps(other: &str, original: &str) -> bool {
    let whole = other != original && other.ends_with(original);
    whole || common_suffix(original, other).chars().next().is_some_and(char::is_uppercase)
}

fn is_dotted(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_dotted(&attribute.value),
        _ => false,
    }
}

/// The arguments of the class statement: the bases, and the parent's keywords.
fn header(bases: &[String], parent: &View<'_>) -> String {
    let mut arguments = bases.to_vec();
    if let Some(written) = &parent.class.arguments {
        arguments.extend(
            written
                .keywords
                .iter()
                .map(|keyword| parent.node.source.slice(keyword.range).to_owned()),
        );
    }
    if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
}

fn class_decorators(rules: Rules, child: &View<'_>, parent: &View<'_>) -> Result<String, Problem> {
    pick_decorators(
        rules,
        (child.node, &child.class.decorator_list, child.class.name.start()),
        (parent.node, &parent.class.decorator_list, parent.class.name.start()),
        "",
    )
}

type Decorated<'a> = (&'a Node, &'a [Decorator], TextSize);

/// The decorators of the result: the child's where it has any, else the parent's.
fn pick_decorators(
    rules: Rules,
    child: Decorated<'_>,
    parent: Decorated<'_>,
    indent: &str,
) -> Result<String, Problem> {
    let (node, list, name) = child;
    let text = |decorator: &Decorator| node.source.slice(decorator.expression.range());
    let inherits_none = list.iter().find(|decorator| text(decorator) == "no_inherit_decorator");
    if let Some(marker) = inherits_none {
        return if list.len() == 1 {
            Ok(String::new())
        } else {
            Err(node
                .source
                .problem(marker.range, "`no_inherit_decorator` stands beside other decorators")
                .with_help("other decorators replace those of the parent by themselves"))
        };
    }
    let inherited = decorators(&parent.0.source, parent.1, parent.2);
    if list.is_empty() {
        return Ok(inherited.to_owned());
    }
    let written = decorators(&node.source, list, name);
    let adds = rules.adds_deprecations
        && list.iter().all(|decorator| text(decorator).starts_with("deprecate_kwarg("));
    if !adds || parent.1.is_empty() {
        return Ok(written.to_owned());
    }
    let own: HashSet<&str> = list.iter().map(|decorator| callee(text(decorator))).collect();
    let mut out = String::new();
    for decorator in parent.1 {
        let text = parent.0.source.slice(decorator.range);
        if !own.contains(callee(text.trim_start_matches('@').trim_start())) {
            let _ = write!(out, "{text}\n{indent}");
        }
    }
    Ok(out + written)
}

/// The name of a decorator without its arguments.
fn callee(decorator: &str) -> &str {
    decorator.split('(').next().unwrap_or(decorator)
}

/// The members of the written class, in order: docstring, attributes, methods.
fn members(
    rules: Rules,
    child: &View<'_>,
    parent: &View<'_>,
    bases: &[String],
) -> Result<String, Problem> {
    let mut text = String::new();
    if let Some(docstring) = child.docstring().or_else(|| parent.docstring()) {
        text.push_str(&docstring.line());
    }
    let own = child.attributes();
    for member in attributes(child, parent, &own)? {
        text.push_str(&member.line());
    }
    let mut unraveller = Unraveller::new(bases, parent);
    for (name, method) in &parent.methods {
        let Some(function) = method.function() else { continue };
        match child.methods.get(name) {
            // An attribute of the modular file takes the place of a method.
            None if own.contains_key(name.as_str()) => {}
            None => text.push_str(method.text()),
            Some(changed) if is_dropped(changed) => {}
            Some(changed) => {
                let Some(new) = changed.function() else { continue };
                text.push_str(&method_head(
                    rules,
                    (child, changed, new),
                    (parent, method, function),
                )?);
                unraveller.write(&mut text, name, changed, new)?;
            }
        }
    }
    for (name, method) in &child.methods {
        if !parent.methods.contains_key(name)
            && let Some(function) = method.function()
        {
            text.push_str(&own_head(method, function));
            unraveller.write(&mut text, name, method, function)?;
        }
    }
    Ok(text)
}

/// The parent's attributes with the child's laid over them and its deletions taken out.
fn attributes<'a>(
    child: &View<'a>,
    parent: &View<'a>,
    own: &IndexMap<&'a str, Member<'a>>,
) -> Result<Vec<Member<'a>>, Problem> {
    let mut attributes = parent.attributes();
    for (target, member) in own {
        if is_deletion(member) {
            if attributes.shift_remove(target).is_none() {
                return Err(child
                    .node
                    .source
                    .problem(
                        member.stmt.range(),
                        format!("the parent has no attribute `{target}` to remove"),
                    )
                    .with_help(format!(
                        "`{}` defines its attributes in {}",
                        parent.class.name,
                        parent.node.source.path().display()
                    )));
            }
        } else {
            attributes.insert(target, *member);
        }
    }
    Ok(attributes.into_values().collect())
}

/// `name = AttributeError(...)`.
fn is_deletion(member: &Member<'_>) -> bool {
    let Stmt::Assign(assign) = member.stmt else { return false };
    matches!(&*assign.value, Expr::Call(call)
        if matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "AttributeError"))
}

/// A method that raises an error at once is taken out, where one blank line and nothing else stands
/// before a `def` that fits its line.
fn is_dropped(method: &Member<'_>) -> bool {
    let mut lines = method.text().lines();
    let (Some(blank), Some(def), Some(raise)) = (lines.next(), lines.next(), lines.next()) else {
        return false;
    };
    let (def, raise) = (def.trim_start(), raise.trim_start());
    let code =
        def.split_once(')').map_or("", |(_, after)| after).split('#').next().unwrap_or_default();
    blank.trim().is_empty()
        && def.starts_with("def ")
        && code.trim_end().ends_with(':')
        && raise.starts_with("raise")
        && raise.contains("Error(")
}

/// The head of a method that the child changes, up to its colon.
fn method_head(
    rules: Rules,
    (child, changed, new): (&View<'_>, &Member<'_>, &StmtFunctionDef),
    (parent, method, old): (&View<'_>, &Member<'_>, &StmtFunctionDef),
) -> Result<String, Problem> {
    let (lead, source) = (method.lead(), changed.source);
    let indent = &lead[lead.rfind('\n').map_or(0, |newline| newline + 1)..];
    let mut head = lead.to_owned();
    head.push_str(&pick_decorators(
        rules,
        (child.node, &new.decorator_list, new.name.start()),
        (parent.node, &old.decorator_list, old.name.start()),
        indent,
    )?);
    let asynchronous = if old.is_async { "async " } else { "" };
    let _ = write!(head, "{asynchronous}def {}{}", old.name, parameters(changed, new, method, old));
    let returns = match (&new.returns, &old.returns) {
        (Some(returns), _) => Some(source.slice(returns.range())),
        (None, Some(returns)) => Some(method.source.slice(returns.range())),
        (None, None) => None,
    };
    if let Some(returns) = returns {
        let _ = write!(head, " -> {returns}");
    }
    Ok(head + ":")
}

/// The head of a method as the modular file writes it.
fn own_head(method: &Member<'_>, function: &StmtFunctionDef) -> String {
    let body = function_body(method.source, function, method.owned.end());
    let length = method.text().len()
        - body.members.iter().map(|member| member.text().len()).sum::<usize>()
        - body.footer.len()
        - body.opening.len();
    method.text()[..length].to_owned()
}

/// The child's parameters; with `**super_kwargs`, the parent's overlaid by the child's.
fn parameters(
    changed: &Member<'_>,
    new: &StmtFunctionDef,
    method: &Member<'_>,
    old: &StmtFunctionDef,
) -> String {
    let written = format!("({}", opening(method, old)) + changed.source.slice(after_opening(new));
    let inherits =
        new.parameters.kwarg.as_ref().is_some_and(|kwarg| kwarg.name.as_str() == "super_kwargs");
    if !inherits {
        return written;
    }
    let mut merged: IndexMap<&str, &str> = IndexMap::new();
    for (name, text) in written_parameters(method, old) {
        merged.insert(name, text);
    }
    for (name, text) in written_parameters(changed, new).into_iter().skip(1) {
        merged.insert(name, text);
    }
    let mut list: Vec<&str> = merged.into_values().collect();
    match &new.parameters.vararg {
        Some(vararg) => list.push(changed.source.slice(vararg.range)),
        None if !new.parameters.kwonlyargs.is_empty() => list.push("*"),
        None => {}
    }
    list.extend(
        new.parameters.kwonlyargs.iter().map(|parameter| changed.source.slice(parameter.range)),
    );
    // The parent's, with the comma that follows it.
    let end = old.parameters.range.end() - TextSize::of(')');
    list.extend(
        old.parameters
            .kwarg
            .as_ref()
            .map(|kwarg| method.source.slice(TextRange::new(kwarg.start(), end)).trim_end()),
    );
    let mut text = format!("({}", opening(method, old));
    for (index, parameter) in list.iter().enumerate() {
        text.push_str(parameter);
        // A parameter that others followed brings its comma along, and the comment after it.
        let ends = parameter.ends_with([',', '\n']) || index + 1 == list.len();
        text.push_str(if ends { " " } else { ", " });
    }
    text.truncate(text.trim_end_matches(' ').len());
    text + ")"
}

/// From the first parameter on, with the closing parenthesis.
fn after_opening(function: &StmtFunctionDef) -> TextRange {
    let range = function.parameters.range;
    let first = function.parameters.iter_source_order().next();
    // A star alone, or a slash, stands before no parameter that could be asked.
    let plain = first.filter(|_| {
        function.parameters.vararg.is_some() || function.parameters.kwonlyargs.is_empty()
    });
    let start = plain.map_or(range.start() + TextSize::of('('), |first| first.start());
    TextRange::new(start, range.end())
}

/// A comment behind the opening parenthesis: it is the parent's, like the parenthesis.
fn opening(method: &Member<'_>, function: &StmtFunctionDef) -> String {
    let start = function.parameters.range.start() + TextSize::of('(');
    let text = method.source.slice(TextRange::new(start, after_opening(function).start()));
    if text.contains('#') { text.to_owned() } else { String::new() }
}

/// The plain parameters, each up to the next one: with its comma and the comment on its line.
fn written_parameters<'a>(
    method: &Member<'a>,
    function: &'a StmtFunctionDef,
) -> Vec<(&'a str, &'a str)> {
    let parameters = &function.parameters;
    let mut starts: Vec<TextSize> =
        parameters.iter_source_order().map(|parameter| parameter.start()).collect();
    starts.push(parameters.range.end() - TextSize::of(')'));
    let written = parameters.args.iter().map(|parameter| {
        let next = starts
            .iter()
            .find(|start| **start > parameter.range.start())
            .copied()
            .unwrap_or(parameter.range.end());
        let text = method.source.slice(TextRange::new(parameter.range.start(), next));
        let text =
            text.trim_end_matches(' ').trim_end_matches(['*', '/', '\r']).trim_end_matches(' ');
        // A comment needs its newline.
        (parameter.name().as_str(), if text.contains('#') { text } else { text.trim_end() })
    });
    written.collect()
}
