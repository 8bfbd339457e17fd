//! A definition as parts that compare: what its causal language model reaches, and its config class.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use indexmap::IndexMap;
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::args::is_plain;
use super::catalogue::Catalogue;
use super::inert;
use super::meaning::{Part, Reader, fold};
use crate::definitions::Definitions;
use crate::library::Library;
use crate::mentions::import;
use crate::problem::Problem;
use crate::text::{Node, Source};

/// What the class of a causal language model ends with.
const HEADS: &[&str] = &["ForCausalLM", "LMHeadModel", "ForConditionalGeneration"];
/// Names that no forward pass depends on.
const SILENT: &[&str] = &["logger", "__all__"];
/// What the shared code of the library (RoPE, masks, caches) reads of a config.
const SHARED_READS: &[&str] = &[
    "attention_chunk_size",
    "head_dim",
    "layer_types",
    "max_position_embeddings",
    "partial_rotary_factor",
    "rope_parameters",
    "sliding_window",
    "tie_word_embeddings",
];

/// A field of a config class.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub annotation: String,
    /// The default as the class writes it; `None` where it has none.
    pub default: Option<String>,
    /// Whether the default is a constant.
    pub plain: bool,
    pub line: usize,
}

/// A config class, with what it inherits from other config classes of the library.
#[derive(Debug)]
pub(super) struct Config {
    pub class: String,
    pub source: Arc<Source>,
    pub fields: IndexMap<String, Field>,
    /// The base of the rotation where a config says none.
    pub default_theta: String,
    /// The class as it compares, fields left out.
    pub part: Part,
}

/// One definition.
#[derive(Debug)]
pub struct Definition {
    pub model_type: String,
    /// The class of the causal language model.
    pub head: String,
    pub(super) source: Arc<Source>,
    /// What the head reaches, by folded name, in the order of the file.
    pub(super) parts: IndexMap<String, Part>,
    pub(super) config: Config,
    /// Whether that is the class of a whole config.json, and not of a part of one.
    pub(super) is_whole_config: bool,
    /// The config fields that it reads, and where first.
    pub(super) reads: BTreeMap<String, usize>,
    /// Parts that build models which are not named here: `AutoModel.from_config(...)`.
    pub(super) open: Vec<String>,
}

impl Definition {
    /// # Errors
    ///
    /// Where the model type has no causal language model, or a file cannot be read.
    pub fn read(
        library: &Library,
        catalogue: &Catalogue,
        model_type: &str,
    ) -> Result<Self, Problem> {
        let missing = |what: String| {
            Problem::of_file(&library.models(), what)
                .with_help("`portwright inspect` shows what a definition is made of")
        };
        let head = catalogue.head(model_type).ok_or_else(|| {
            missing(format!("no causal language model of type `{model_type}` in this release"))
        })?;
        let path =
            catalogue.file(head).ok_or_else(|| missing(format!("no file defines `{head}`")))?;
        let source = library.load(path)?;
        let definitions = Definitions::of(&source);
        let prefixes = prefixes(library, path, head);
        let imports = imports(&definitions);
        let reader = Reader { source: &source, prefixes: &prefixes, imports: &imports };
        let parts = reach(&reader, &definitions, head);
        let outer = config_of_type(library, model_type);
        let class = config_class(&definitions, head)
            .or_else(|| outer.clone())
            .ok_or_else(|| missing(format!("`{head}` does not say its config class")))?;
        let config = Config::read(library, catalogue, &class, &prefixes)?;
        let mut reads = BTreeMap::new();
        for part in parts.values() {
            let node = definitions.get(&part.name);
            if let Some(node) = node {
                config_reads(node, &config, &mut reads);
            }
        }
        for name in SHARED_READS.iter().filter(|it| config.fields.contains_key(**it)) {
            reads.entry((*name).to_owned()).or_insert(config.fields[*name].line);
        }
        reads.retain(|name, _| config.fields.contains_key(name) && !inert::field(name));
        let is_open = |part: &&Part| part.mentions.iter().any(|it| it.starts_with("AutoModel"));
        let open = parts.values().filter(is_open).map(|it| it.name.clone()).collect();
        Ok(Self {
            model_type: model_type.to_owned(),
            head: head.to_owned(),
            source,
            parts,
            is_whole_config: outer.is_none_or(|it| it == config.class),
            config,
            reads,
            open,
        })
    }

    /// The modeling file.
    pub fn path(&self) -> &std::path::Path {
        self.source.path()
    }

    /// What the classes of the model begin with.
    pub fn prefix(&self) -> &str {
        strip_head(&self.head)
    }

    /// The config fields that no code of the model reads.
    pub(super) fn unread(&self) -> Vec<String> {
        let fields = self.config.fields.keys();
        fields.filter(|it| !self.reads.contains_key(*it) && !inert::field(it)).cloned().collect()
    }

    /// The name of a file of the definition, for whoever reads about it.
    pub(super) fn file_name(source: &Source) -> String {
        source.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

pub(super) fn strip_head(head: &str) -> &str {
    HEADS.iter().find_map(|it| head.strip_suffix(it)).unwrap_or(head)
}

/// What the classes of a definition begin with, the longest first.
fn prefixes(library: &Library, path: &std::path::Path, head: &str) -> Vec<String> {
    let folder = path.parent().and_then(|it| it.file_name()).unwrap_or_default();
    let mut prefixes =
        vec![strip_head(head).to_owned(), library.names().camel(&folder.to_string_lossy())];
    prefixes.sort_by_key(|it| std::cmp::Reverse(it.len()));
    prefixes.dedup();
    prefixes.retain(|it| !it.is_empty());
    prefixes
}

/// Where each imported name comes from. The model's own files have no name of their own.
fn imports(definitions: &Definitions) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for node in &definitions.imports {
        let mut stmts = vec![node.stmt()];
        while let Some(stmt) = stmts.pop() {
            if let Stmt::If(branch) = stmt {
                stmts.extend(&branch.body);
            }
            let Some((from, names)) = import(stmt) else { continue };
            for alias in names {
                let name = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
                // `from .configuration_llama import LlamaConfig` is the model's own.
                if !from.starts_with("from .configuration_") {
                    found.insert(name, format!("<{from}{}>", alias.name));
                }
            }
        }
    }
    found
}

/// Everything that `head` mentions, and what that mentions, in the order of the file.
fn reach(reader: &Reader<'_>, definitions: &Definitions, head: &str) -> IndexMap<String, Part> {
    let mut found: BTreeMap<usize, Part> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut queue = VecDeque::from([head.to_owned()]);
    while let Some(name) = queue.pop_front() {
        let Some(node) = definitions.get(&name) else { continue };
        if SILENT.contains(&name.as_str()) || !seen.insert(name.clone()) {
            continue;
        }
        let part = reader.part(&name, node);
        queue.extend(part.mentions.iter().cloned());
        found.insert(node.item, part);
    }
    found.into_values().map(|part| (fold(reader.prefixes, &part.name), part)).collect()
}

/// The class in `config: XConfig` of the head, or of a class that it inherits from.
fn config_class(definitions: &Definitions, head: &str) -> Option<String> {
    let mut classes = VecDeque::from([head.to_owned()]);
    let mut seen = BTreeSet::new();
    while let Some(name) = classes.pop_front() {
        let Some(node) = definitions.classes.get(&name).filter(|_| seen.insert(name)) else {
            continue;
        };
        let Stmt::ClassDef(class) = node.stmt() else { continue };
        let declared = class.body.iter().find_map(|stmt| {
            let (target, class) = match stmt {
                Stmt::AnnAssign(it) => (&*it.target, &*it.annotation),
                Stmt::Assign(it) => (it.targets.first()?, &*it.value),
                _ => return None,
            };
            let is_config = matches!(target.as_name_expr()?.id.as_str(), "config" | "config_class");
            is_config.then(|| class.as_name_expr().map(|it| it.id.to_string()))?
        });
        if declared.is_some() {
            return declared;
        }
        classes
            .extend(class.bases().iter().filter_map(|it| Some(it.as_name_expr()?.id.to_string())));
    }
    None
}

fn config_of_type(library: &Library, model_type: &str) -> Option<String> {
    let mut pairs = library.names().iter();
    pairs.find(|(name, _)| *name == model_type).map(|(_, class)| class.to_owned())
}

impl Config {
    fn read(
        library: &Library,
        catalogue: &Catalogue,
        class: &str,
        prefixes: &[String],
    ) -> Result<Self, Problem> {
        let missing =
            || Problem::of_file(&library.models(), format!("no file defines the config `{class}`"));
        let path = catalogue.file(class).ok_or_else(missing)?;
        let source = library.load(path)?;
        let definitions = Definitions::of(&source);
        let node = definitions.classes.get(class).ok_or_else(missing)?;
        let Stmt::ClassDef(stmt) = node.stmt() else { return Err(missing()) };
        let mut fields = IndexMap::new();
        let mut default_theta = "10000.0".to_owned();
        for base in stmt.bases().iter().filter_map(Expr::as_name_expr) {
            let base = base.id.as_str();
            if base != class && base.ends_with("Config") && catalogue.file(base).is_some() {
                let base = Self::read(library, catalogue, base, prefixes)?;
                fields.extend(base.fields);
                default_theta = base.default_theta;
            }
        }
        for stmt in &stmt.body {
            if let Stmt::AnnAssign(assign) = stmt
                && let Expr::Name(name) = &*assign.target
            {
                let text = |expr: &Expr| source.slice(expr.range()).to_owned();
                let field = Field {
                    annotation: text(&assign.annotation),
                    default: assign.value.as_deref().map(text),
                    plain: assign.value.as_deref().is_some_and(is_plain),
                    line: source.line(assign.start()),
                };
                fields.insert(name.id.to_string(), field);
            }
            if let Stmt::Assign(assign) = stmt
                && assign.targets.iter().any(|it| source.slice(it.range()) == "default_theta")
            {
                source.slice(assign.value.range()).clone_into(&mut default_theta);
            }
        }
        let imports = imports(&definitions);
        let reader = Reader { source: &source, prefixes, imports: &imports };
        let mut part = reader.part(class, node);
        // Fields compare by themselves, one by one.
        if let Some(whole) = part.units.get_mut(super::meaning::WHOLE) {
            let is_field = |meaning: &str| {
                let name = meaning.split(' ').next().unwrap_or_default();
                fields.contains_key(name) || name == "default_theta"
            };
            whole.statements.retain(|it| !is_field(&it.meaning));
        }
        Ok(Self {
            class: class.to_owned(),
            source: Arc::clone(&source),
            fields,
            default_theta,
            part,
        })
    }
}

/// Every `config.name`, `self.config.name` and `getattr(config, "name", ...)` below `node`.
fn config_reads(node: &Node, config: &Config, into: &mut BTreeMap<String, usize>) {
    use ruff_python_ast::visitor::{Visitor, walk_expr};
    struct Reads<'a> {
        source: &'a Source,
        config: &'a Config,
        found: Vec<(String, TextSize)>,
    }
    impl<'v> Visitor<'v> for Reads<'_> {
        fn visit_expr(&mut self, expr: &'v Expr) {
            match expr {
                Expr::Attribute(read) if read.ctx.is_load() && self.holds(&read.value) => {
                    self.found.push((read.attr.to_string(), read.start()));
                }
                Expr::Call(call) if self.source.slice(call.func.range()) == "getattr" => {
                    if let [holder, Expr::StringLiteral(name), ..] = &*call.arguments.args
                        && self.holds(holder)
                    {
                        self.found.push((name.value.to_string(), call.start()));
                    }
                }
                _ => {}
            }
            walk_expr(self, expr);
        }
    }
    impl Reads<'_> {
        fn holds(&self, expr: &Expr) -> bool {
            let text = self.source.slice(expr.range());
            matches!(text, "config" | "cfg")
                || text.ends_with("_config")
                || text.ends_with(".config")
        }
    }
    let mut reads = Reads { source: &node.source, config, found: Vec::new() };
    reads.visit_stmt(node.stmt());
    for (name, at) in reads.found {
        if reads.config.fields.contains_key(&name) {
            into.entry(name).or_insert_with(|| node.source.line(at));
        }
    }
}
