//! A port as a file: its classes with the places where something can be said.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ruff_python_ast::Stmt;
use ruff_python_ast::token::{Token, TokenKind};
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
