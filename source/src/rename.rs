//! Renames a model in a source text: `llama` to `olmo` in every case variant, in identifiers,
//! strings, docstrings and comments.
//!
//! The text is edited token by token and never re-printed, so its layout is kept. The literal text of
//! f-strings is left alone (identifiers in their braces are not), and so are imports from outside the
//! library.

use std::sync::Arc;

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Stmt, StmtImportFrom};
use ruff_text_size::{Ranged, TextRange};

use crate::naming::{FileKind, ModelNames};
use crate::problem::Problem;
use crate::text::Source;

/// Names of libraries and flags that contain a model's name and must keep it.
const KEPT: &[&str] = &[
    "mamba_ssm",
    "mamba-ssm",
    "use_mambapy",
    "mamba_inner_fn",
    "mamba_selective_state_update",
    "mamba_selective_scan",
    "is_mambapy_available",
    "mamba2_split_conv1d_scan_combined",
    "mamba2_selective_state_update",
    "mamba2_chunk_scan",
];

/// What a renaming covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Identifiers, strings and comments.
    All,
    /// Strings and comments only.
    Docs,
}

/// A renaming from one model's spellings to another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renaming {
    /// Spelling to find, what it becomes; tried in this order.
    patterns: Vec<(String, String)>,
    new_camel: String,
    /// Tokens that are left alone.
    kept: &'static [&'static str],
    /// The prefix in snake case, where it is not the model's own name.
    alias: Option<(String, String)>,
}

impl Renaming {
    /// `old` and `new` in snake case; `model` is the model type of the files written.
    pub(crate) fn new(names: &ModelNames, old: &str, new: &str, model: &str) -> Self {
        let (old, new) = (old.replace('-', "_"), new.replace('-', "_"));
        let (old_camel, new_camel) = (names.camel(&old), names.camel(&new));
        let mut patterns =
            vec![(old.clone(), new.clone()), (old.to_uppercase(), new.to_uppercase())];
        match patterns.iter_mut().find(|(find, _)| *find == old_camel) {
            Some(pattern) => pattern.1.clone_from(&new_camel),
            None => patterns.push((old_camel, new_camel.clone())),
        }
        let alias = (new != model).then(|| (new, model.to_owned()));
        let kept = if names.rules.keeps_library_names { KEPT } else { &[] };
        Self { patterns, new_camel, kept, alias }
    }

    /// What [`folding`](Self::folding) puts for a class prefix.
    pub(crate) const FOLDED_CAMEL: char = '\u{1}';

    /// Every spelling of a model's name to one mark, so that texts of different models compare.
    pub(crate) fn folding(names: &ModelNames, model: &str) -> Self {
        let (snake, camel) = (model.replace('-', "_"), names.camel(model));
        let patterns = vec![
            (camel, Self::FOLDED_CAMEL.to_string()),
            (snake.to_uppercase(), "\u{2}".to_owned()),
            (snake, "\u{3}".to_owned()),
        ];
        Self { patterns, new_camel: Self::FOLDED_CAMEL.to_string(), kept: KEPT, alias: None }
    }

    /// `text` renamed: a hit starts where no letter or digit precedes it.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        let mut before = None;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let boundary = before.is_none_or(|b: char| !b.is_ascii_alphanumeric());
            let hit = boundary
                .then(|| {
                    self.patterns
                        .iter()
                        .find(|(find, _)| !find.is_empty() && starts_with(rest, find))
                })
                .flatten();
            let Some((find, _)) = hit else {
                out.push(c);
                before = Some(c);
                rest = &rest[c.len_utf8()..];
                continue;
            };
            let (matched, tail) = rest.split_at(find.len());
            let next = tail.chars().next();
            out.push_str(&self.replacement(matched, next));
            // The character after a hit is part of it: no second hit may start there.
            rest = next.map_or(tail, |c| &tail[c.len_utf8()..]);
            out.extend(next);
            before = next;
        }
        out
    }

    fn replacement(&self, matched: &str, next: Option<char>) -> String {
        let upper =
            matched.chars().any(char::is_uppercase) && !matched.chars().any(char::is_lowercase);
        if self.patterns.len() == 2 && upper && next.is_none_or(|c| !c.is_alphabetic()) {
            return self.patterns[0].1.to_uppercase();
        }
        let exact = self.patterns.iter().find(|(find, _)| find == matched);
        exact.map_or_else(|| self.new_camel.clone(), |(_, new)| new.clone())
    }

    /// A token renamed, unless it is one of the names that are never touched.
    fn token(&self, text: &str) -> Option<String> {
        if self.kept.contains(&text.trim_matches('"')) {
            return None;
        }
        Some(self.apply(text)).filter(|new| new != text)
    }

    /// The whole of `source` renamed.
    pub(crate) fn source(
        &self,
        source: &Arc<Source>,
        scope: Scope,
    ) -> Result<Arc<Source>, Problem> {
        let whole = TextRange::up_to(ruff_text_size::TextSize::of(source.text()));
        let text = self.text(source, whole, scope);
        Source::renamed(source, text)
    }

    /// The text of `source` in `range`, renamed.
    pub(crate) fn text(&self, source: &Source, range: TextRange, scope: Scope) -> String {
        let mut imports = Imports::default();
        if scope == Scope::All {
            imports.visit_body(source.stmts());
        }
        let mut out = String::with_capacity(range.len().to_usize() + 256);
        let mut at = range.start();
        for token in source.tokens(range) {
            let text = source.slice(token.range());
            let new = match token.kind() {
                TokenKind::Comment if text.contains("# Copied from") => Some(String::new()),
                TokenKind::Comment | TokenKind::String => self.token(text),
                TokenKind::Name if scope == Scope::All => match imports.around(token.range()) {
                    Some(import) if import.level == 0 => None,
                    Some(import) => {
                        self.sibling(text, token.range(), import).or_else(|| self.token(text))
                    }
                    None => self.token(text),
                },
                _ => None,
            };
            if let Some(new) = new {
                out.push_str(&source.text()[at.to_usize()..token.start().to_usize()]);
                out.push_str(&new);
                at = token.end();
            }
        }
        out.push_str(&source.text()[at.to_usize()..range.end().to_usize()]);
        out
    }

    /// `from .configuration_old import ...` points to the written file, whatever the prefix in use.
    fn sibling(&self, text: &str, range: TextRange, import: &StmtImportFrom) -> Option<String> {
        let (alias, model) = self.alias.as_ref()?;
        let module = import.module.as_ref().filter(|module| module.range() == range)?;
        let renamed = self.token(module).unwrap_or_else(|| text.to_owned());
        let kind = FileKind::of_module(&renamed)?;
        (renamed == kind.module(alias)).then(|| kind.module(model))
    }
}

fn starts_with(text: &str, find: &str) -> bool {
    text.as_bytes().get(..find.len()).is_some_and(|head| head.eq_ignore_ascii_case(find.as_bytes()))
        && text.is_char_boundary(find.len())
}

/// The from-imports of a file, at any depth, in order.
#[derive(Default)]
struct Imports<'a>(Vec<&'a StmtImportFrom>);

impl<'a> StatementVisitor<'a> for Imports<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::ImportFrom(import) => self.0.push(import),
            _ => walk_stmt(self, stmt),
        }
    }
}

impl<'a> Imports<'a> {
    fn around(&self, range: TextRange) -> Option<&'a StmtImportFrom> {
        let after = self.0.partition_point(|import| import.range.start() <= range.start());
        after
            .checked_sub(1)
            .map(|index| self.0[index])
            .filter(|import| import.range.contains_range(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renaming(old: &str, new: &str) -> Renaming {
        let pairs = [("clip", "CLIPConfig"), ("new_vl", "NewVLConfig"), ("old", "OldConfig")];
        let names = ModelNames::from_pairs(pairs.map(|(a, b)| (a.to_owned(), b.to_owned())));
        Renaming::new(&names, old, new, "new_vl")
    }

    #[test]
    fn every_spelling_becomes_its_own() {
        let renaming = renaming("old", "new_vl");
        for (text, expected) in [
            ("old OLD Old", "new_vl NEW_VL NewVL"),
            // Any other spelling becomes the prefix of classes.
            ("oLD", "NewVL"),
            // A hit starts where no letter or digit stands before it.
            ("_old my_old MyOld 2old gold", "_new_vl my_new_vl MyOld 2old gold"),
            // The character after a hit is part of it.
            ("oldold old-old old_old", "new_vlold new_vl-new_vl new_vl_new_vl"),
            ("éold öOld", "énew_vl öNewVL"),
            ("", ""),
        ] {
            assert_eq!(renaming.apply(text), expected);
        }
    }

    #[test]
    fn a_prefix_in_capitals_is_told_from_the_constant_by_what_follows() {
        let renaming = renaming("clip", "new_vl");
        assert_eq!(
            renaming.apply("CLIP_X CLIPModel CLIP clip Clip"),
            "NEW_VL_X NewVLModel NEW_VL new_vl NewVL"
        );
    }

    #[test]
    fn names_of_libraries_are_kept_whole_only() {
        let renaming = renaming("mamba", "old");
        let source =
            Source::parse("a.py", "x = mamba_ssm, \"mamba_ssm\", mamba_ssms, 'mamba'\n").unwrap();
        let renamed = renaming.source(&source, Scope::All).unwrap();
        assert_eq!(renamed.text(), "x = mamba_ssm, \"mamba_ssm\", old_ssms, 'old'\n");
    }

    #[test]
    fn names_are_left_where_only_the_documentation_is_meant() {
        let source = Source::parse("a.py", "old = \"old\"  # old\n").unwrap();
        let renamed = renaming("old", "new_vl").source(&source, Scope::Docs).unwrap();
        assert_eq!(renamed.text(), "old = \"new_vl\"  # new_vl\n");
    }

    /// A prefix of its own has no configuration file: the model's is meant.
    #[test]
    fn imports_of_the_models_own_files_name_the_model() {
        let text = "from .configuration_old import OldConfig\nfrom old import old\nfrom ..old import old\n";
        let source = Source::parse("a.py", text).unwrap();
        let renamed = renaming("old", "new_vl_text").source(&source, Scope::All).unwrap();
        assert_eq!(
            renamed.text(),
            "from .configuration_new_vl import NewVlTextConfig\nfrom old import old\n\
             from ..new_vl_text import new_vl_text\n"
        );
    }

    #[test]
    fn what_renaming_breaks_is_shown_in_the_file_itself() {
        let source = Source::parse("a.py", "x = 1\n    # old\nif x:\n    old = 2\n").unwrap();
        let problem = renaming("old", "new-1 (").source(&source, Scope::All).unwrap_err();
        let place = problem.place.unwrap();
        assert_eq!((place.line, place.column, place.text.as_str()), (4, 5, "    old = 2"));
        assert!(
            problem.message.starts_with("renamed, this is not Python: "),
            "{}",
            problem.message
        );
    }
}
