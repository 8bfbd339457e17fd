//! A port as a file: its classes with the places where something can be said, and the remapping table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{Expr, ExprList, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::compare::{Difference, WorkKind};
use super::meaning::WHOLE;
use crate::problem::Problem;
use crate::text::{Source, line_end, line_start};

/// The class that holds the config of a port.
pub(super) const ARGS: &str = "ModelArgs";
/// The class that a port is loaded by.
pub(super) const HEAD: &str = "Model";

/// What ports call the class that a definition calls otherwise. A name of a port fits when it is one of
/// these, with or without the model's name before it.
const ROLES: &[(&str, &[&str])] = &[
    ("Block", &["Block", "TransformerBlock", "DecoderLayer"]),
    ("DecoderLayer", &["DecoderLayer", "TransformerBlock", "Block", "Layer", "ResidualBlock"]),
    ("Layer", &["Layer", "TransformerBlock", "DecoderLayer"]),
    ("MLP", &["MLP", "FeedForward"]),
    ("MoE", &["MoE", "MoEBlock", "SparseMoeBlock"]),
    ("Mixer", &["Mixer", "MambaBlock", "Mamba"]),
    ("SparseMoeBlock", &["SparseMoeBlock", "SparseMoEBlock", "MoE", "MoEBlock", "MoeBlock"]),
    ("TextModel", &["TextModel", "LanguageModel"]),
];

/// Where a kind of work is done in a port that has no class of that name.
const BY_KIND: &[(WorkKind, &[&str])] = &[
    (WorkKind::Rope, &["Attention"]),
    (WorkKind::Norm, &["DecoderLayer", "Block"]),
    (WorkKind::Activation, &["MLP"]),
    (WorkKind::Experts, &["SparseMoeBlock", "MoE"]),
];

/// A place before the first statement of a method.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub method: String,
    pub at: TextSize,
    pub indent: String,
}

#[derive(Debug)]
pub(super) struct Class {
    pub name: String,
    pub range: TextRange,
    pub openings: Vec<Opening>,
}

/// A port.
#[derive(Debug)]
pub struct PortFile {
    /// Its file, without `.py`.
    pub name: String,
    pub(super) source: Arc<Source>,
    pub(super) classes: Vec<Class>,
}

impl PortFile {
    /// # Errors
    ///
    /// Where the file cannot be read or is not Python.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        Self::parse(path, read(path)?)
    }

    /// As [`read`](Self::read), of a text that is not on disk.
    ///
    /// # Errors
    ///
    /// Where it is not Python.
    pub fn parse(path: &Path, text: impl Into<String>) -> Result<Self, Problem> {
        let source = Source::parse(path, text)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let classes = source.stmts().iter().filter_map(|it| class(&source, it)).collect();
        Ok(Self { name, source, classes })
    }

    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// The modules beside it that it imports from.
    pub fn siblings(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for stmt in self.source.stmts() {
            let Stmt::ImportFrom(import) = stmt else { continue };
            match import.module.as_deref() {
                Some(module) if import.level == 1 => drop(found.insert(module.to_owned())),
                None if import.level == 1 => {
                    found.extend(import.names.iter().map(|it| it.name.to_string()));
                }
                _ => {}
            }
        }
        found
    }

    /// The fields of its config class; none where that does not list them one below the other.
    pub fn config_fields(&self) -> Vec<String> {
        super::args::declared_names(self)
    }

    /// Every attribute that its classes give themselves: `self.q_proj = ...`.
    pub fn attributes(&self) -> BTreeSet<String> {
        let whole = TextRange::up_to(TextSize::of(self.source.text()));
        let tokens = self.source.tokens(whole);
        let kinds = |at: usize| tokens.get(at).map(Token::kind);
        let mut found = BTreeSet::new();
        for (at, token) in tokens.iter().enumerate() {
            if self.source.slice(token.range()) == "self"
                && kinds(at + 1) == Some(TokenKind::Dot)
                && matches!(kinds(at + 3), Some(TokenKind::Equal | TokenKind::Colon))
            {
                found.insert(self.source.slice(tokens[at + 2].range()).to_owned());
            }
        }
        found
    }

    /// Every name that it reads off its config: `args.name`, `self.config.name`, `getattr(args, "name")`,
    /// and `self.name` in the config class itself.
    pub(super) fn reads(&self) -> BTreeSet<String> {
        let own = self.class(ARGS).map(|it| it.range);
        let tokens = self.source.tokens(TextRange::up_to(TextSize::of(self.source.text())));
        let text = |at: usize| self.source.slice(tokens[at].range());
        let holds = |at: usize| {
            let name = text(at);
            name.ends_with("args")
                || name.ends_with("config")
                || ["params", "cfg"].contains(&name)
                || (name == "self" && own.is_some_and(|it| it.contains_range(tokens[at].range())))
        };
        let mut found = BTreeSet::new();
        for at in 2..tokens.len() {
            let (before, kind) = (tokens[at - 1].kind(), tokens[at].kind());
            match (before, kind) {
                (TokenKind::Dot, TokenKind::Name) | (TokenKind::Comma, TokenKind::String)
                    if holds(at - 2) =>
                {
                    found.insert(text(at).trim_matches(['"', '\'']).to_owned());
                }
                _ => {}
            }
        }
        found
    }

    /// Whether it does otherwise for some model types: `self.model_type == "falcon_mamba"`.
    pub(super) fn asks_model_type(&self) -> bool {
        let tokens = self.source.tokens(TextRange::up_to(TextSize::of(self.source.text())));
        let named = |at: &usize| {
            let text = self.source.slice(tokens[*at].range());
            text.trim_matches(['"', '\'']) == "model_type"
        };
        let compares =
            |it: &TokenKind| matches!(it, TokenKind::EqEqual | TokenKind::NotEqual | TokenKind::In);
        (0..tokens.len()).filter(named).any(|at| {
            let near = at.saturating_sub(1)..tokens.len().min(at + 4);
            tokens[near].iter().map(Token::kind).any(|it| compares(&it))
        })
    }

    pub(super) fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|it| it.name == name)
    }

    /// The place where a difference is to be ported: in the class of its name, else where work of its
    /// kind is done, else in the model; `prefix` is what the parent's classes begin with.
    pub(super) fn place(
        &self,
        difference: &Difference,
        prefix: &str,
    ) -> Option<(&Class, &Opening)> {
        let by_kind = BY_KIND.iter().filter(|(kind, _)| *kind == difference.kind);
        let roles = std::iter::once(difference.role.as_str())
            .chain(by_kind.flat_map(|(_, roles)| roles.iter().copied()))
            .chain([HEAD_ROLE]);
        let methods: &[&str] = match difference.unit.as_str() {
            _ if difference.kind == WorkKind::ConfigField => &["__post_init__", "__init__"],
            "__init__" | WHOLE => &["__init__"],
            "sanitize" => &["sanitize", "__init__"],
            _ => &["__call__", "__init__"],
        };
        let mut places = roles.filter_map(|role| self.of_role(role, prefix)).filter_map(|class| {
            let opening = |name: &&str| class.openings.iter().find(|it| it.method == **name);
            Some((class, methods.iter().find_map(opening)?))
        });
        places.next()
    }

    /// The class that does here what `role` does in the definition.
    fn of_role(&self, role: &str, prefix: &str) -> Option<&Class> {
        if role == HEAD_ROLE || role == "LMHeadModel" || role == "ForConditionalGeneration" {
            return self.class(HEAD);
        }
        if role == ARGS || role == "Config" {
            return self.class(ARGS);
        }
        let row = ROLES.iter().find(|(name, _)| *name == role);
        let names = row.map_or_else(|| vec![role], |(_, names)| names.to_vec());
        let bare = |name: &str| -> String {
            let has = name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
            if has { name[prefix.len()..].to_owned() } else { name.to_owned() }
        };
        let inner = |it: &&Class| it.name != HEAD && it.name != ARGS;
        let exact = names
            .iter()
            .find_map(|name| self.classes.iter().filter(inner).find(|it| bare(&it.name) == *name));
        // `SeedModel` of a model whose classes begin with `SeedOss`: one class alone ends so.
        exact.or_else(|| {
            let mut ending = self.classes.iter().filter(inner).filter(|it| it.name.ends_with(role));
            ending.next().filter(|_| ending.next().is_none())
        })
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| Problem::of_file(path, error.to_string()))
}

const HEAD_ROLE: &str = "ForCausalLM";

fn class(source: &Source, stmt: &Stmt) -> Option<Class> {
    let Stmt::ClassDef(class) = stmt else { return None };
    let openings = class.body.iter().filter_map(|it| opening(source, it)).collect();
    Some(Class { name: class.name.to_string(), range: class.range, openings })
}

fn opening(source: &Source, stmt: &Stmt) -> Option<Opening> {
    let Stmt::FunctionDef(function) = stmt else { return None };
    let is_docstring =
        |it: &&Stmt| matches!(it, Stmt::Expr(expr) if expr.value.is_string_literal_expr());
    let mut body = function.body.iter();
    let first = body.next()?;
    let text = source.text();
    // Below a docstring: on the line after it.
    let first_line = line_start(text, first.start());
    let indent = source.slice(TextRange::new(first_line, first.start())).to_owned();
    if !indent.trim().is_empty() {
        return None;
    }
    let at = if is_docstring(&first) { line_end(text, first.end()) } else { first_line };
    Some(Opening { method: function.name.to_string(), at, indent })
}

/// The table of model types that another model's port serves, in the library's `utils.py`.
#[derive(Debug, Clone, Default)]
pub struct Remapping {
    /// Model type to port.
    pub rows: BTreeMap<String, String>,
    /// Where the table ends: the line of its closing brace.
    end: usize,
}

impl Remapping {
    /// Reads the table called `table` from the source of `path`.
    ///
    /// # Errors
    ///
    /// Where the file is not Python or has no such table.
    pub fn read(path: &Path, table: &str) -> Result<Self, Problem> {
        let source = Source::parse(path, read(path)?)?;
        for stmt in source.stmts() {
            if let Stmt::Assign(assign) = stmt
                && let Expr::Dict(dict) = &*assign.value
                && assign.targets.iter().any(|it| source.slice(it.range()) == table)
            {
                let rows = dict.items.iter().filter_map(|item| {
                    let key = item.key.as_ref()?.as_string_literal_expr()?;
                    let value = item.value.as_string_literal_expr()?;
                    Some((key.value.to_string(), value.value.to_string()))
                });
                let end = line_start(source.text(), dict.end()).to_usize();
                return Ok(Self { rows: rows.collect(), end });
            }
        }
        Err(Problem::of_file(path, format!("no table `{table}`")))
    }

    /// Also takes the rows of the table called `table` that ask for the class too, where there is one:
    /// `("x", "XForCausalLM"): "y"`.
    ///
    /// # Errors
    ///
    /// Where the file is not Python.
    pub fn with_classes(mut self, path: &Path, table: &str) -> Result<Self, Problem> {
        let source = Source::parse(path, read(path)?)?;
        for stmt in source.stmts() {
            if let Stmt::Assign(assign) = stmt
                && let Expr::Dict(dict) = &*assign.value
                && assign.targets.iter().any(|it| source.slice(it.range()) == table)
            {
                self.rows.extend(dict.items.iter().filter_map(|item| {
                    let key = item.key.as_ref()?.as_tuple_expr()?.elts.first()?;
                    let value = item.value.as_string_literal_expr()?;
                    Some((key.as_string_literal_expr()?.value.to_string(), value.value.to_string()))
                }));
            }
        }
        Ok(self)
    }

    /// The port of a model type.
    pub fn port<'a>(&'a self, model_type: &'a str) -> &'a str {
        self.rows.get(model_type).map_or(model_type, String::as_str)
    }

    /// `text`, the file that it was read from, with one row more.
    pub fn with(&self, text: &str, model_type: &str, port: &str) -> String {
        let (before, after) = text.split_at(self.end.min(text.len()));
        format!("{before}    \"{model_type}\": \"{port}\",\n{after}")
    }

    /// `text` without the rows of `model_type`: `"x": "y"` and `("x", "XForCausalLM"): "y"`.
    pub fn without(text: &str, model_type: &str) -> String {
        let rows = [format!("\"{model_type}\":"), format!("(\"{model_type}\",")];
        let is_row = |it: &str| rows.iter().any(|row| it.trim_start().starts_with(row));
        text.split_inclusive('\n').filter(|it| !is_row(it)).collect()
    }
}

/// The list of tiny configs in the target's model tests.
#[derive(Debug, Clone)]
pub struct TestTable {
    /// The model types that have an entry.
    pub model_types: BTreeSet<String>,
    /// The line of its closing bracket, and how deep its entries are indented.
    end: usize,
    indent: String,
}

impl TestTable {
    /// Reads the list called `table` from the source of `path`, however deep it stands.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, is not Python, or has no such list with an entry.
    pub fn read(path: &Path, table: &str) -> Result<Self, Problem> {
        let source = Source::parse(path, read(path)?)?;
        let mut found = Lists { source: &source, table, list: None };
        found.visit_body(source.stmts());
        let missing = || Problem::of_file(path, format!("no list `{table}` with an entry"));
        let list = found.list.ok_or_else(missing)?;
        let first = list.elts.first().ok_or_else(missing)?;
        let text = source.text();
        let line = line_start(text, first.start());
        let model_types = list.elts.iter().filter_map(|entry| {
            let Expr::Dict(dict) = entry else { return None };
            let is_type = |it: &Expr| {
                it.as_string_literal_expr().is_some_and(|it| it.value.to_str() == "model_type")
            };
            let item = dict.items.iter().find(|it| it.key.as_ref().is_some_and(is_type))?;
            Some(item.value.as_string_literal_expr()?.value.to_string())
        });
        Ok(Self {
            model_types: model_types.collect(),
            end: line_start(text, list.end()).to_usize(),
            indent: source.slice(TextRange::new(line, first.start())).to_owned(),
        })
    }

    /// `text`, the file that it was read from, with one entry more: its lines, without indentation.
    pub fn with(&self, text: &str, entry: &[String]) -> String {
        let (before, after) = text.split_at(self.end.min(text.len()));
        let lines: Vec<String> = entry.iter().map(|it| format!("{}{it}\n", self.indent)).collect();
        let lines = lines.concat();
        format!("{before}{lines}{after}")
    }
}

struct Lists<'a> {
    source: &'a Source,
    table: &'a str,
    list: Option<&'a ExprList>,
}

impl<'a> StatementVisitor<'a> for Lists<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(assign) = stmt
            && let Expr::List(list) = &*assign.value
            && assign.targets.iter().any(|it| self.source.slice(it.range()) == self.table)
        {
            self.list = self.list.or(Some(list));
        }
        walk_stmt(self, stmt);
    }
}
