//! What a configuration class declares: its fields with their defaults, other names for them, and the
//! classes of its parts. Read from the syntax alone, so nothing of the library is imported.
//!
//! ```python
//! class ToyConfig(PreTrainedConfig):
//!     attribute_map = {"n_layer": "num_hidden_layers"}
//!     default_theta = 1_000_000.0
//!     sub_configs_defaults = {"vision_config": SubConfigSpec(config_class=ToyVisionConfig)}
//!
//!     num_hidden_layers: int = 4 * 8
//!     initializer_range: float = interval(min=0.0, max=1.0)(default=0.02)
//! ```
//!
//! Releases before 5 declare the same as parameters of `__init__`. What a class derives when it is made
//! (`__post_init__`) is not told here.

use indexmap::IndexMap;
use ruff_python_ast::{Expr, ExprCall, Number, Operator, Stmt, StmtClassDef, UnaryOp};

use crate::depth::with_room;
use crate::naming::pairs;
use crate::outline::value_of;
use crate::text::Source;

/// A value that stands in the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Literal>),
    Map(Vec<(String, Literal)>),
}

/// A configuration class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigClass {
    pub name: String,
    /// The plain names among its bases.
    pub bases: Vec<String>,
    pub model_type: Option<String>,
    /// The fields in their order; nothing as the default that is no literal.
    pub fields: IndexMap<String, Option<Literal>>,
    /// `attribute_map`: another name, and the field that it means.
    pub aliases: IndexMap<String, String>,
    /// The base of the rotation that its models have when a config names none.
    pub default_theta: Option<f64>,
    pub parts: Vec<Part>,
}

/// A config inside a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field that holds it, e.g. `text_config`.
    pub field: String,
    /// The class, where it is named; `AutoConfig` goes by the model type.
    pub class: Option<String>,
    pub model_type: Option<String>,
}

/// The classes of a file, in its order; each with what it inherits from classes of the same file.
pub fn config_classes(source: &Source) -> Vec<ConfigClass> {
    with_room(|| {
        let mut classes: Vec<ConfigClass> = Vec::new();
        for class in source.stmts().iter().filter_map(Stmt::as_class_def_stmt) {
            let own = read(class);
            let parent = classes.iter().find(|it| own.bases.contains(&it.name)).cloned();
            classes.push(match parent {
                Some(parent) => own.over(parent),
                None => own,
            });
        }
        classes
    })
}

/// The string pairs of the dictionary that a name is assigned at the top of a file.
pub fn string_pairs(source: &Source, name: &str) -> IndexMap<String, String> {
    let mut found = IndexMap::new();
    if let Some(value) = source.stmts().iter().find_map(|stmt| value_of(stmt, name)) {
        with_room(|| pairs(value, &mut found));
    }
    found
}

impl ConfigClass {
    /// This class where it says something, its parent elsewhere.
    fn over(self, mut parent: Self) -> Self {
        parent.fields.extend(self.fields);
        parent.aliases.extend(self.aliases);
        parent.parts.retain(|it| self.parts.iter().all(|own| own.field != it.field));
        parent.parts.extend(self.parts);
        Self {
            name: self.name,
            bases: self.bases,
            model_type: self.model_type.or(parent.model_type),
            default_theta: self.default_theta.or(parent.default_theta),
            ..parent
        }
    }
}

fn read(class: &StmtClassDef) -> ConfigClass {
    let bases = class.bases().iter().filter_map(|it| Some(it.as_name_expr()?.id.to_string()));
    let mut found = ConfigClass {
        name: class.name.to_string(),
        bases: bases.collect(),
        ..ConfigClass::default()
    };
    for stmt in &class.body {
        match stmt {
            Stmt::AnnAssign(field) => {
                let name = field.target.as_name_expr().map(|it| it.id.to_string());
                if let Some(name) = name.filter(|_| !is_class_variable(&field.annotation)) {
                    let default = field.value.as_deref().and_then(literal);
                    found.fields.insert(name, default);
                }
            }
            Stmt::FunctionDef(method) if method.name.as_str() == "__init__" => {
                for it in method.parameters.iter_non_variadic_params().skip(1) {
                    let default = it.default.as_deref().and_then(literal);
                    found.fields.insert(it.parameter.name.to_string(), default);
                }
            }
            _ => {}
        }
        if let Some(Expr::StringLiteral(text)) = value_of(stmt, "model_type") {
            found.model_type = Some(text.value.to_string());
        }
        if let Some(map) = value_of(stmt, "attribute_map") {
            pairs(map, &mut found.aliases);
        }
        if let Some(theta) = value_of(stmt, "default_theta").and_then(literal) {
            found.default_theta = number(&theta);
        }
        if let Some(Expr::Dict(parts)) = value_of(stmt, "sub_configs_defaults") {
            found.parts =
                parts.items.iter().filter_map(|it| part(it.key.as_ref()?, &it.value)).collect();
        }
    }
    found
}

/// `ClassVar[...]`: no field of the class's objects.
fn is_class_variable(annotation: &Expr) -> bool {
    let name = match annotation {
        Expr::Subscript(it) => &*it.value,
        other => other,
    };
    name.as_name_expr().is_some_and(|it| it.id.as_str() == "ClassVar")
}

/// `"text_config": SubConfigSpec(AutoConfig, model_type="llama")`
fn part(key: &Expr, value: &Expr) -> Option<Part> {
    let field = key.as_string_literal_expr()?.value.to_string();
    let call = value.as_call_expr()?;
    let class = keyword(call, "config_class").or(call.arguments.args.first())?;
    let model_type = keyword(call, "model_type").and_then(Expr::as_string_literal_expr);
    Some(Part {
        field,
        class: class.as_name_expr().map(|it| it.id.to_string()).filter(|it| it != "AutoConfig"),
        model_type: model_type.map(|it| it.value.to_string()),
    })
}

fn keyword<'a>(call: &'a ExprCall, name: &str) -> Option<&'a Expr> {
    let mut named = call.arguments.keywords.iter();
    named.find(|it| it.arg.as_ref().is_some_and(|it| it.as_str() == name)).map(|it| &it.value)
}

fn literal(expr: &Expr) -> Option<Literal> {
    Some(match expr {
        Expr::NoneLiteral(_) => Literal::Null,
        Expr::BooleanLiteral(it) => Literal::Bool(it.value),
        Expr::StringLiteral(it) => Literal::Text(it.value.to_string()),
        Expr::NumberLiteral(it) => match &it.value {
            Number::Int(it) => Literal::Int(it.as_i64()?),
            Number::Float(it) => Literal::Float(*it),
            Number::Complex { .. } => return None,
        },
        Expr::UnaryOp(it) if it.op == UnaryOp::USub => match literal(&it.operand)? {
            Literal::Int(it) => Literal::Int(it.checked_neg()?),
            Literal::Float(it) => Literal::Float(-it),
            _ => return None,
        },
        Expr::BinOp(it) => {
            let (left, right) = (literal(&it.left)?, literal(&it.right)?);
            arithmetic(&left, it.op, &right)?
        }
        Expr::List(it) => Literal::List(it.elts.iter().map(literal).collect::<Option<_>>()?),
        Expr::Tuple(it) => Literal::List(it.elts.iter().map(literal).collect::<Option<_>>()?),
        Expr::Dict(it) => {
            let entry = |it: &ruff_python_ast::DictItem| {
                let key = it.key.as_ref()?.as_string_literal_expr()?.value.to_string();
                Some((key, literal(&it.value)?))
            };
            Literal::Map(it.items.iter().map(entry).collect::<Option<_>>()?)
        }
        // A field with a bound: `interval(min=0.0, max=1.0)(default=0.02)`.
        Expr::Call(call) => literal(keyword(call, "default")?)?,
        _ => return None,
    })
}

fn arithmetic(left: &Literal, op: Operator, right: &Literal) -> Option<Literal> {
    if let (Literal::Int(a), Literal::Int(b)) = (left, right) {
        return match op {
            Operator::Add => a.checked_add(*b).map(Literal::Int),
            Operator::Sub => a.checked_sub(*b).map(Literal::Int),
            Operator::Mult => a.checked_mul(*b).map(Literal::Int),
            Operator::Pow => a.checked_pow(u32::try_from(*b).ok()?).map(Literal::Int),
            Operator::Div if *b != 0 => Some(Literal::Float(*a as f64 / *b as f64)),
            _ => None,
        };
    }
    let (a, b) = (number(left)?, number(right)?);
    let value = match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mult => a * b,
        Operator::Pow => a.powf(b),
        Operator::Div if b != 0.0 => a / b,
        _ => return None,
    };
    Some(Literal::Float(value))
}

fn number(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Int(it) => Some(*it as f64),
        Literal::Float(it) => Some(*it),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
REMAPPING = {"mistral": "llama", "kimi": "deepseek"}

class ToyBase(PreTrainedConfig):
    shared: int = 1
    hidden: int = 7

class ToyConfig(ToyBase):
    model_type = "toy"
    attribute_map = {"n_layer": "layers"}
    default_theta = 5_000.0
    names: ClassVar[list[str]] = ["a"]
    sub_configs_defaults = {
        "text_config": SubConfigSpec(ToyBase),
        "vision_config": SubConfigSpec(config_class=AutoConfig, model_type="siglip"),
    }

    layers: int = 4 * 8
    hidden: int = 64
    scale: float = 1 / 4
    lowest: float = -1.5
    spread: float = interval(min=0.0, max=1.0)(default=0.02)
    kinds: list[str] | None = None
    sizes: tuple[int, ...] = (3, 5)
    made: dict = make()
    bare: int

class OldConfig(PretrainedConfig):
    def __init__(self, vocab_size=32000, rope_scaling=None, *, tie=True, **kwargs):
        pass
"#;

    #[test]
    fn a_class_tells_its_fields_and_what_they_are_without_a_config() {
        let classes = config_classes(&Source::parse("configuration_toy.py", TEXT).unwrap());
        let toy = &classes[1];
        assert_eq!(toy.model_type.as_deref(), Some("toy"));
        assert_eq!(toy.fields["layers"], Some(Literal::Int(32)));
        assert_eq!(
            (&toy.fields["shared"], &toy.fields["hidden"]),
            (&Some(Literal::Int(1)), &Some(Literal::Int(64)))
        );
        assert_eq!(toy.fields["scale"], Some(Literal::Float(0.25)));
        assert_eq!(toy.fields["lowest"], Some(Literal::Float(-1.5)));
        assert_eq!(toy.fields["spread"], Some(Literal::Float(0.02)));
        assert_eq!(toy.fields["kinds"], Some(Literal::Null));
        assert_eq!(
            toy.fields["sizes"],
            Some(Literal::List(vec![Literal::Int(3), Literal::Int(5)]))
        );
        assert_eq!(toy.fields["made"], None);
        assert!(!toy.fields.contains_key("names"));
        assert_eq!(toy.aliases["n_layer"], "layers");
        assert_eq!(toy.default_theta, Some(5000.0));
        let part = |field: &str, class: Option<&str>, model_type: Option<&str>| Part {
            field: field.into(),
            class: class.map(Into::into),
            model_type: model_type.map(Into::into),
        };
        assert_eq!(
            toy.parts,
            [
                part("text_config", Some("ToyBase"), None),
                part("vision_config", None, Some("siglip"))
            ]
        );
    }

    #[test]
    fn an_older_class_declares_its_fields_as_parameters() {
        let classes = config_classes(&Source::parse("configuration_toy.py", TEXT).unwrap());
        let names: Vec<&str> = classes[2].fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["vocab_size", "rope_scaling", "tie"]);
        assert_eq!(classes[2].fields["tie"], Some(Literal::Bool(true)));
    }

    #[test]
    fn a_table_of_strings_is_read() {
        let pairs = string_pairs(&Source::parse("utils.py", TEXT).unwrap(), "REMAPPING");
        assert_eq!(pairs["mistral"], "llama");
        assert_eq!(pairs.len(), 2);
    }
}
