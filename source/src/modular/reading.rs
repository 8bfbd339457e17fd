//! Reads a modular file: what it defines itself, what it imports, and which files of other models it
//! builds upon.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::{Expr, Stmt, StmtAssign, StmtClassDef, StmtImportFrom};
use ruff_text_size::{Ranged, TextRange};

use crate::definitions::Definitions;
use crate::library::Library;
use crate::mentions;
use crate::naming::FileKind;
use crate::problem::Problem;
use crate::rules::Rules;
use crate::text::{Node, Source};

/// A modular file, read.
#[derive(Debug)]
pub(super) struct Modular {
    pub source: Arc<Source>,
    /// The model type, from the file's name.
    pub model: String,
    /// The class prefix of the model.
    pub camel: String,
    /// The habits of the release.
    pub rules: Rules,
    pub definitions: Definitions,
    /// Imports that the written files may need as they are.
    pub imports: Vec<Node>,
    /// The files of other models that it imports from, in order.
    pub parents: Vec<ParentFile>,
    /// Each name imported from one of them, and from which.
    pub imported: IndexMap<String, usize>,
    /// `__all__ = [...]` for each file.
    pub exports: BTreeMap<FileKind, String>,
    /// The module's `__getattr__ = ...` for each file.
    pub getattr: BTreeMap<FileKind, String>,
}

/// A file of another model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParentFile {
    pub path: PathBuf,
    /// The model's folder.
    pub model: String,
    pub kind: Option<FileKind>,
}

impl Modular {
    pub(super) fn read(library: &Library, source: Arc<Source>) -> Result<Self, Problem> {
        let model = model_of(&source)?;
        let camel = library.names().camel(&model);
        let mut definitions = Definitions::of(&source);
        let rules = library.names().rules;
        let mut exports = BTreeMap::new();
        if let Some(node) = definitions.assignments.shift_remove("__all__") {
            exports = split_exports(&node, &camel, rules)?;
        }
        let getattr = match definitions.assignments.shift_remove("__getattr__") {
            Some(node) if rules.writes_getattr => split_getattr(&node, &camel, rules),
            _ => BTreeMap::new(),
        };
        let mut reader = Reader {
            library,
            source: &source,
            parents: Vec::new(),
            imported: IndexMap::new(),
            failed: None,
        };
        reader.visit_body(source.stmts());
        let Reader { parents, imported, failed, .. } = reader;
        if let Some(problem) = failed {
            return Err(problem);
        }
        for stmt in source.stmts() {
            if let Stmt::ClassDef(class) = stmt {
                refuse_twice(&source, class, &imported)?;
            }
        }
        let imports = std::mem::take(&mut definitions.imports)
            .into_iter()
            .filter(|node| is_kept(node.stmt()))
            .collect();
        Ok(Self {
            source,
            model,
            camel,
            rules,
            definitions,
            imports,
            parents,
            imported,
            exports,
            getattr,
        })
    }

    /// The file that a class of this model belongs to.
    pub(super) fn kind_of(&self, class: &str) -> FileKind {
        FileKind::of_class(class, &self.camel, self.rules)
    }

    /// The base of `class` that another model's file defines, and that file.
    pub(super) fn parent_of<'a>(
        &self,
        class: &'a StmtClassDef,
    ) -> Result<Option<(&'a str, usize)>, Problem> {
        let mut found = None;
        for base in class.bases() {
            if let Expr::Name(name) = base
                && let Some(file) = self.imported.get(name.id.as_str())
            {
                if found.is_some() {
                    return Err(self
                        .source
                        .problem(
                            base.range(),
                            format!(
                                "`{}` inherits from a second class of another model",
                                class.name
                            ),
                        )
                        .with_help(
                            "a class of a modular file may inherit from one class of another model",
                        ));
                }
                found = Some((name.id.as_str(), *file));
            }
        }
        Ok(found)
    }
}

/// A class that is merged with another model's is merged by the names of its methods: two plain ones of a
/// name cannot both be meant.
fn refuse_twice(
    source: &Source,
    class: &StmtClassDef,
    imported: &IndexMap<String, usize>,
) -> Result<(), Problem> {
    let merged = class
        .bases()
        .iter()
        .any(|it| matches!(it, Expr::Name(name) if imported.contains_key(name.id.as_str())));
    let mut seen = HashSet::new();
    for stmt in class.body.iter().filter(|_| merged) {
        let Stmt::FunctionDef(function) = stmt else { continue };
        // A property and its setter share a name.
        let part = function.decorator_list.iter().any(|it| {
            let text = source.slice(it.range());
            [".setter", ".deleter", ".getter"].iter().any(|it| text.ends_with(it))
        });
        if !part && !seen.insert(function.name.as_str()) {
            let message = format!("`{}` is defined twice in `{}`", function.name, class.name);
            return Err(source.problem(function.name.range(), message).with_help(
                "keep one: a class that inherits from another model is merged by its methods' names \
                 (overloads too)",
            ));
        }
    }
    Ok(())
}

/// The model type of `modular_<type>.py`.
fn model_of(source: &Source) -> Result<String, Problem> {
    let name = source
        .path()
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    name.strip_prefix("modular_")
        .and_then(|rest| rest.strip_suffix(".py"))
        .map(str::to_owned)
        .ok_or_else(|| {
            Problem::of_file(source.path(), "not a modular file")
                .with_help("its name must be `modular_<model type>.py`")
        })
}

/// Modules that are never opened for their definitions.
fn is_skipped(module: &str) -> bool {
    module.contains("auto.modeling_auto")
}

/// The module below `models` of a from-import that names a model's file: `llama.modeling_llama`.
fn model_module(module: &str) -> Option<&str> {
    if is_skipped(module) {
        return None;
    }
    for lead in ["transformers.models.", "...models."] {
        if let Some(at) = module.find(lead) {
            return Some(&module[at + lead.len()..]);
        }
    }
    sibling_package(module)
}

/// `..llama.modeling_llama` gives `llama.modeling_llama`.
fn sibling_package(module: &str) -> Option<&str> {
    let rest = module.strip_prefix("..")?;
    let (folder, file) = rest.split_once('.')?;
    (!folder.is_empty() && FileKind::of_module(file).is_some()).then_some(rest)
}

/// Whether an import stays an ordinary import of the written files.
fn is_kept(stmt: &Stmt) -> bool {
    let Stmt::ImportFrom(import) = stmt else { return true };
    let module = mentions::module(import);
    is_skipped(&module)
        || !(module.contains("transformers.models.") || sibling_package(&module).is_some())
}

struct Reader<'a> {
    library: &'a Library,
    source: &'a Source,
    parents: Vec<ParentFile>,
    imported: IndexMap<String, usize>,
    failed: Option<Problem>,
}

impl<'a> StatementVisitor<'a> for Reader<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            _ if self.failed.is_some() => {}
            Stmt::ImportFrom(import) => {
                if let Err(problem) = self.import(import) {
                    self.failed = Some(problem);
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }
}

impl Reader<'_> {
    fn import(&mut self, import: &StmtImportFrom) -> Result<(), Problem> {
        let written = mentions::module(import);
        if written == "transformers" {
            return Err(self
                .source
                .problem(
                    import.range,
                    "an import from `transformers` itself cannot be traced to a file",
                )
                .with_help("import from the module that defines the name, relatively"));
        }
        let Some(module) = model_module(&written) else { return Ok(()) };
        let (model, file) = module.split_once('.').unwrap_or((module, ""));
        let path = self.library.module_path(module);
        if FileKind::of_module(file) == Some(FileKind::Modeling)
            && let Some(alias) = import.names.iter().find(|alias| alias.name.contains("Config"))
        {
            return Err(self
                .source
                .problem(alias.range, format!("`{}` is imported from a modeling file", alias.name))
                .with_help(format!(
                    "import it from `{}`",
                    written.replace("modeling_", "configuration_")
                )));
        }
        if !self.library.has(&path) {
            return Err(self
                .source
                .problem(import.range, format!("`{written}` is not a file of this release"))
                .with_help(format!("looked for {}", path.display())));
        }
        let parent = ParentFile { path, model: model.to_owned(), kind: FileKind::of_module(file) };
        let index = self.parents.iter().position(|known| *known == parent).unwrap_or_else(|| {
            self.parents.push(parent);
            self.parents.len() - 1
        });
        for alias in &import.names {
            self.imported.insert(alias.name.to_string(), index);
        }
        Ok(())
    }
}

/// `__all__ = [...]`, with each name in the file that will define it.
fn split_exports(
    node: &Node,
    camel: &str,
    rules: Rules,
) -> Result<BTreeMap<FileKind, String>, Problem> {
    let mut exports: BTreeMap<FileKind, Vec<&str>> = BTreeMap::new();
    let Stmt::Assign(StmtAssign { value, .. }) = node.stmt() else { return Ok(BTreeMap::new()) };
    let elements = match &**value {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        other => {
            return Err(node.source.problem(other.range(), "`__all__` must be a list of strings"));
        }
    };
    for element in elements {
        let Expr::StringLiteral(name) = element else {
            return Err(node
                .source
                .problem(element.range(), "`__all__` must be a list of strings"));
        };
        let kind = FileKind::of_class(name.value.to_str(), camel, rules);
        exports.entry(kind).or_default().push(node.source.slice(name.range));
    }
    let write = |names: Vec<&str>| format!("{}__all__ = [{}]\n", lead(node), names.join(", "));
    Ok(exports.into_iter().map(|(kind, names)| (kind, write(names))).collect())
}

/// The comments and blank lines before a node.
fn lead(node: &Node) -> &str {
    node.source.slice(TextRange::new(node.owned().start(), node.stmt().start()))
}

/// `__getattr__ = deprecate_attr(__name__, rename={"Name": ...})`, with each entry in the file that its
/// name routes to. A call without such entries goes to the modeling file as it is.
fn split_getattr(node: &Node, camel: &str, rules: Rules) -> BTreeMap<FileKind, String> {
    let source = &node.source;
    let whole = || BTreeMap::from([(FileKind::Modeling, source.slice(node.owned()).to_owned())]);
    let Stmt::Assign(StmtAssign { value, .. }) = node.stmt() else { return whole() };
    let Expr::Call(call) = &**value else { return whole() };
    let mut entries: BTreeMap<FileKind, IndexMap<&str, Vec<&str>>> = BTreeMap::new();
    let mut shared: Vec<&str> =
        call.arguments.args.iter().map(|argument| source.slice(argument.range())).collect();
    for keyword in &call.arguments.keywords {
        let (Some(name), Expr::Dict(dict)) = (&keyword.arg, &keyword.value) else {
            shared.push(source.slice(keyword.range));
            continue;
        };
        for item in &dict.items {
            let Some(Expr::StringLiteral(key)) = &item.key else { return whole() };
            let kind = FileKind::of_class(key.value.to_str(), camel, rules);
            entries
                .entry(kind)
                .or_default()
                .entry(name.as_str())
                .or_default()
                .push(source.slice(item.range()));
        }
    }
    if entries.is_empty() {
        return whole();
    }
    let function = source.slice(call.func.range());
    let written = entries.into_iter().map(|(kind, tables)| {
        let tables =
            tables.into_iter().map(|(name, items)| format!("{name}={{{}}}", items.join(", ")));
        let arguments: Vec<String> =
            shared.iter().map(|text| (*text).to_owned()).chain(tables).collect();
        (kind, format!("{}__getattr__ = {function}({})\n", lead(node), arguments.join(", ")))
    });
    written.collect()
}
