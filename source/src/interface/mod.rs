//! What a definition's classes offer to those who exchange parts of them: attention backends and
//! kernels. Told from the syntax alone: who looks up an attention function, who hands its keyword
//! arguments on to whom, and what is decorated as replaceable.
//!
//! [`facts`] reads one file; [`mapping_keys`] reads the library's own tables of kernels and styles;
//! [`replaceable`] knows the code of everything in the library that is decorated.

mod tables;

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use ruff_python_ast::{
    Decorator as Node, Expr, ExprCall, Stmt, StmtFunctionDef,
    comparable::{ComparableParameters, ComparableStmt},
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_text_size::{Ranged, TextSize};

use crate::depth::with_room;
use crate::text::Source;
pub use tables::{MappingKey, Replaceable, mapping_keys, replaceable};

/// The registry that attention functions are looked up in.
const REGISTRY: &str = "ALL_ATTENTION_FUNCTIONS";

/// Names by which a class gives away that it computes attention with a softmax.
const SOFTMAX: [&str; 5] = [
    "softmax",
    "scaled_dot_product_attention",
    "eager_attention_forward",
    "flash_attn_func",
    "flex_attention",
];

/// What one file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub classes: Vec<ClassFacts>,
    pub functions: Vec<FunctionFacts>,
}

/// A class of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassFacts {
    pub name: String,
    pub line: usize,
    /// The plain names among its bases.
    pub bases: Vec<String>,
    pub decorators: Vec<Decorator>,
    /// Its own `forward`.
    pub forward: Option<FunctionFacts>,
    /// Whether its `forward` takes keyword arguments beyond those that it names.
    pub takes_more: bool,
    /// Where any method looks up an attention function.
    pub looks_up: Option<usize>,
    /// Calls of what was looked up, with and without the method's further keyword arguments.
    pub attends: Vec<Call>,
    /// Calls that get the further keyword arguments of the method that they stand in.
    pub passes: Vec<Call>,
    /// Whether a method names a function of softmax attention.
    pub softmax: bool,
    /// What its methods give `self`.
    pub makes: Vec<Making>,
}

/// `self.mlp = MoE(config) if sparse else MLP(config)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    pub attribute: String,
    /// The names that the value calls.
    pub classes: Vec<String>,
    pub line: usize,
}

/// A function, or a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionFacts {
    pub name: String,
    pub line: usize,
    pub decorators: Vec<Decorator>,
    /// The same for two functions of the same parameters and the same statements.
    pub digest: u64,
}

/// `@name("argument", other)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decorator {
    pub name: String,
    /// Strings and plain names among its arguments, those in lists included.
    pub arguments: Vec<String>,
    pub line: usize,
}

/// A call in a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The attribute of `self` that is called, or that the called thing was taken from:
    ///
    /// ```python
    /// for layer in self.layers[: self.config.num_hidden_layers]:
    ///     hidden_states = layer(hidden_states, **kwargs)
    /// ```
    pub child: Option<String>,
    pub line: usize,
    /// Whether it gets the method's further keyword arguments.
    pub passes: bool,
}

/// The classes and functions at the top level of a file.
pub fn facts(source: &Source) -> Facts {
    let mut facts = Facts::default();
    with_room(|| {
        for stmt in source.stmts() {
            match stmt {
                Stmt::ClassDef(class) => facts.classes.push(class_facts(source, class)),
                Stmt::FunctionDef(function) => {
                    facts.functions.push(function_facts(source, function));
                }
                _ => {}
            }
        }
    });
    facts
}

fn class_facts(source: &Source, class: &ruff_python_ast::StmtClassDef) -> ClassFacts {
    let mut facts = ClassFacts {
        name: class.name.to_string(),
        line: line(source, class.name.start()),
        bases: class
            .bases()
            .iter()
            .filter_map(|it| Some(it.as_name_expr()?.id.to_string()))
            .collect(),
        decorators: decorators(source, &class.decorator_list),
        forward: None,
        takes_more: false,
        looks_up: None,
        attends: Vec::new(),
        passes: Vec::new(),
        softmax: false,
        makes: Vec::new(),
    };
    for method in class.body.iter().filter_map(Stmt::as_function_def_stmt) {
        if method.name.as_str() == "forward" {
            facts.takes_more = method.parameters.kwarg.is_some();
            facts.forward = Some(function_facts(source, method));
        }
        let more = method.parameters.kwarg.as_ref().map(|it| it.name.to_string());
        let mut visitor = Method {
            source,
            facts: &mut facts,
            more,
            from: HashMap::new(),
            functions: HashSet::new(),
        };
        visitor.visit_body(&method.body);
    }
    facts
}

fn function_facts(source: &Source, function: &StmtFunctionDef) -> FunctionFacts {
    let mut hasher = DefaultHasher::new();
    ComparableParameters::from(&*function.parameters).hash(&mut hasher);
    let documented = function
        .body
        .first()
        .is_some_and(|it| matches!(it, Stmt::Expr(expr) if expr.value.is_string_literal_expr()));
    for stmt in function.body.iter().skip(usize::from(documented)) {
        ComparableStmt::from(stmt).hash(&mut hasher);
    }
    FunctionFacts {
        name: function.name.to_string(),
        line: line(source, function.name.start()),
        decorators: decorators(source, &function.decorator_list),
        digest: hasher.finish(),
    }
}

fn decorators(source: &Source, nodes: &[Node]) -> Vec<Decorator> {
    let read = |node: &Node| {
        let (function, call) = match &node.expression {
            Expr::Call(call) => (&*call.func, Some(call)),
            other => (other, None),
        };
        let mut arguments = Vec::new();
        for it in call.map(|it| it.arguments.args.iter()).into_iter().flatten() {
            words(it, &mut arguments);
        }
        Some(Decorator { name: last_name(function)?, arguments, line: line(source, node.start()) })
    };
    nodes.iter().filter_map(read).collect()
}

fn words(expr: &Expr, found: &mut Vec<String>) {
    match expr {
        Expr::StringLiteral(text) => found.push(text.value.to_string()),
        Expr::Name(name) => found.push(name.id.to_string()),
        Expr::List(list) => list.elts.iter().for_each(|it| words(it, found)),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|it| words(it, found)),
        _ => {}
    }
}

/// `name` of `name` and of `a.b.name`.
fn last_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => Some(attribute.attr.to_string()),
        _ => None,
    }
}

/// The first attribute of `self` in an expression: `layers` of `enumerate(self.layers[1:])`.
fn child_of(expr: &Expr) -> Option<String> {
    struct Find(Option<String>);
    impl<'a> Visitor<'a> for Find {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Attribute(attribute) = expr
                && attribute.value.as_name_expr().is_some_and(|it| it.id.as_str() == "self")
            {
                self.0.get_or_insert_with(|| attribute.attr.to_string());
                return;
            }
            walk_expr(self, expr);
        }
    }
    let mut find = Find(None);
    find.visit_expr(expr);
    find.0
}

/// The names of what an expression calls.
fn called(expr: &Expr) -> Vec<String> {
    struct Find(Vec<String>);
    impl<'a> Visitor<'a> for Find {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Call(call) = expr {
                self.0.extend(last_name(&call.func));
            }
            walk_expr(self, expr);
        }
    }
    let mut find = Find(Vec::new());
    find.visit_expr(expr);
    find.0
}

/// Whether an expression names something.
fn names(expr: &Expr, wanted: &str) -> bool {
    struct Find<'w>(&'w str, bool);
    impl<'a> Visitor<'a> for Find<'_> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            self.1 |= expr.as_name_expr().is_some_and(|it| it.id.as_str() == self.0);
            walk_expr(self, expr);
        }
    }
    let mut find = Find(wanted, false);
    find.visit_expr(expr);
    find.1
}

fn line(source: &Source, at: TextSize) -> usize {
    source.text()[..at.to_usize()].matches('\n').count() + 1
}

/// One method, statement by statement.
struct Method<'a> {
    source: &'a Source,
    facts: &'a mut ClassFacts,
    /// The name of its further keyword arguments.
    more: Option<String>,
    /// Local names, and the attribute of `self` that each was taken from.
    from: HashMap<String, String>,
    /// Local names of attention functions.
    functions: HashSet<String>,
}

impl Method<'_> {
    fn bind(&mut self, target: &Expr, value: &Expr) {
        if let Expr::Attribute(it) = target
            && it.value.as_name_expr().is_some_and(|it| it.id.as_str() == "self")
        {
            let line = line(self.source, it.start());
            let attribute = it.attr.to_string();
            self.facts.makes.push(Making { attribute, classes: called(value), line });
        }
        let mut bound = Vec::new();
        words(target, &mut bound);
        let looked_up = names(value, REGISTRY);
        let child =
            child_of(value).or_else(|| self.from.get(value.as_name_expr()?.id.as_str()).cloned());
        for name in bound {
            if looked_up {
                self.functions.insert(name);
            } else if let Some(child) = &child {
                self.from.insert(name, child.clone());
            }
        }
    }

    fn call(&mut self, call: &ExprCall) {
        let passes = self.more.as_deref().is_some_and(|more| {
            let spreads = call.arguments.keywords.iter().filter(|it| it.arg.is_none());
            spreads.into_iter().any(|it| names(&it.value, more))
        });
        let line = line(self.source, call.start());
        if let Expr::Name(name) = &*call.func
            && self.functions.contains(name.id.as_str())
        {
            self.facts.attends.push(Call { child: None, line, passes });
        } else if passes {
            let child = match &*call.func {
                Expr::Name(name) => self.from.get(name.id.as_str()).cloned(),
                other => child_of(other),
            };
            self.facts.passes.push(Call { child, line, passes });
        }
    }
}

impl<'a> Visitor<'a> for Method<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::For(it) => self.bind(&it.target, &it.iter),
            Stmt::Assign(it) => it.targets.iter().for_each(|target| self.bind(target, &it.value)),
            Stmt::AnnAssign(it) => {
                if let Some(value) = &it.value {
                    self.bind(&it.target, value);
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Some(name) = last_name(expr) {
            if name == REGISTRY {
                let line = line(self.source, expr.start());
                self.facts.looks_up.get_or_insert(line);
            }
            self.facts.softmax |= SOFTMAX.contains(&name.as_str());
        }
        if let Expr::Call(call) = expr {
            self.call(call);
        }
        walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
@use_kernel_forward_from_hub("RMSNorm")
class Norm(nn.Module):
    def forward(self, x):
        """Scales."""
        return self.weight * x

class Other(nn.Module):
    def forward(self, x):
        # the same
        return self.weight * x

@use_kernelized_func([rotate, scale])
class Attention(Norm):
    def forward(self, x, **kwargs):
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(self.config, eager_attention_forward)
        out, _ = attend(self, x, dropout=0.0, **kwargs)
        return self.o_proj(out)

class Model(nn.Module):
    def forward(self, x, **kwargs: Unpack[Kwargs]):
        for idx, layer in enumerate(self.layers[:4]):
            x = layer(x, idx, **kwargs)
        y = self.head(x)
        return self.norm(y, **kwargs)
"#;

    fn read() -> Facts {
        facts(&Source::parse("modeling_x.py", TEXT).unwrap())
    }

    #[test]
    fn decorators_come_with_their_arguments() {
        let classes = read().classes;
        let of = |idx: usize| {
            (classes[idx].decorators[0].name.clone(), classes[idx].decorators[0].arguments.clone())
        };
        assert_eq!(of(0), ("use_kernel_forward_from_hub".into(), vec!["RMSNorm".to_owned()]));
        assert_eq!(of(2).1, ["rotate", "scale"]);
        assert_eq!(classes[2].bases, ["Norm"]);
    }

    #[test]
    fn the_same_code_has_the_same_digest() {
        let classes = read().classes;
        let digest = |idx: usize| classes[idx].forward.as_ref().unwrap().digest;
        assert_eq!(digest(0), digest(1));
        assert_ne!(digest(0), digest(2));
    }

    #[test]
    fn arguments_are_followed_to_where_they_go() {
        let classes = read().classes;
        let attention = &classes[2];
        assert_eq!(attention.looks_up, Some(16));
        assert_eq!(attention.attends, [Call { child: None, line: 17, passes: true }]);
        assert!(attention.softmax && attention.takes_more);
        let model = &classes[3];
        let children: Vec<_> = model.passes.iter().map(|it| it.child.clone().unwrap()).collect();
        assert_eq!(children, ["layers", "norm"]);
        assert!(!classes[0].takes_more && classes[0].passes.is_empty());
    }
}
