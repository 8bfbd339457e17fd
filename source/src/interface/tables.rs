//! The library's own tables, and what of it is decorated as replaceable by a kernel.

use std::collections::HashMap;

use rayon::prelude::*;
use ruff_python_ast::{
    Expr, Stmt,
    visitor::{Visitor, walk_stmt},
};

use super::{Decorator, facts};
use crate::depth::with_room;
use crate::library::Library;
use crate::problem::Problem;
use crate::text::Source;

/// What names the kernel of a layer or a function, by its first argument.
const NAMING: [&str; 2] = ["use_kernel_forward_from_hub", "use_kernel_func_from_hub"];

/// A key of a dictionary, and the keys of the dictionary below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingKey {
    pub key: String,
    /// Strings, and what calls give for `type`: `Device(type="cuda")`.
    pub inner: Vec<String>,
}

/// Code that the library itself lets a kernel replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaceable {
    /// The class or the function.
    pub name: String,
    /// The kernel that it is decorated with.
    pub kernel: String,
}

impl Decorator {
    /// The kernel that a decorator names: `RMSNorm` of `@use_kernel_forward_from_hub("RMSNorm")`.
    pub fn kernel(&self) -> Option<&str> {
        let names = NAMING.contains(&self.name.as_str());
        self.arguments.first().filter(|_| names).map(String::as_str)
    }
}

/// The classes (by their `forward`) and functions of the library's definitions that are decorated with
/// a kernel, by the digest of their code.
///
/// # Errors
///
/// Where the folder of the models cannot be read; a file that is not Python is passed over.
pub fn replaceable(library: &Library) -> Result<HashMap<u64, Replaceable>, Problem> {
    let files = library.model_files()?;
    let decorated = |path: &&std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        NAMING.iter().any(|it| text.contains(it))
    };
    let sources = files.par_iter().filter(decorated).filter_map(|path| library.peek(path).ok());
    let rows = sources.flat_map_iter(|source| {
        let facts = facts(&source);
        let row = |decorators: &[Decorator], name: &str, digest: u64| {
            let kernel = decorators.iter().find_map(Decorator::kernel)?.to_owned();
            Some((digest, Replaceable { name: name.to_owned(), kernel }))
        };
        let classes = facts
            .classes
            .iter()
            .filter_map(|it| row(&it.decorators, &it.name, it.forward.as_ref()?.digest));
        let functions =
            facts.functions.iter().filter_map(|it| row(&it.decorators, &it.name, it.digest));
        classes.chain(functions).collect::<Vec<_>>()
    });
    let mut rows: Vec<_> = rows.collect();
    // Several classes have the same code: the first by name speaks for them.
    rows.sort_by(|a, b| b.1.name.cmp(&a.1.name));
    Ok(rows.into_iter().collect())
}

/// The string keys of the dictionary that a name is assigned, wherever in the file that stands.
pub fn mapping_keys(source: &Source, name: &str) -> Vec<MappingKey> {
    let mut find = Find { name, found: Vec::new() };
    with_room(|| find.visit_body(source.stmts()));
    find.found
}

struct Find<'n> {
    name: &'n str,
    found: Vec<MappingKey>,
}

impl<'a> Visitor<'a> for Find<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let (target, value) = match stmt {
            Stmt::Assign(it) => (it.targets.first(), Some(&*it.value)),
            Stmt::AnnAssign(it) => (Some(&*it.target), it.value.as_deref()),
            _ => (None, None),
        };
        let named =
            target.and_then(Expr::as_name_expr).is_some_and(|it| it.id.as_str() == self.name);
        if let Some(value) = value.filter(|_| named) {
            self.found.extend(keys(value));
        }
        walk_stmt(self, stmt);
    }
}

fn keys(value: &Expr) -> Vec<MappingKey> {
    match value {
        Expr::Dict(dict) => dict
            .items
            .iter()
            .filter_map(|item| {
                let key = word(item.key.as_ref()?)?;
                let inner = keys(&item.value).into_iter().map(|it| it.key).collect();
                Some(MappingKey { key, inner })
            })
            .collect(),
        Expr::If(it) => keys(&it.body),
        _ => Vec::new(),
    }
}

/// A string, or what a call is given as its `type`.
fn word(expr: &Expr) -> Option<String> {
    match expr {
        Expr::StringLiteral(text) => Some(text.value.to_string()),
        Expr::Call(call) => {
            let named = call.arguments.keywords.iter();
            let mut kind =
                named.filter(|it| it.arg.as_ref().is_some_and(|it| it.as_str() == "type"));
            kind.find_map(|it| word(&it.value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_give_their_keys() {
        let text = "def build():\n    TABLE: dict = {\"A\": {\"cuda\": 1, Device(type=\"rocm\"): 2}, \"B\": 3} if x else {}\n";
        let keys = mapping_keys(&Source::parse("a.py", text).unwrap(), "TABLE");
        assert_eq!(
            keys[0],
            MappingKey { key: "A".into(), inner: vec!["cuda".into(), "rocm".into()] }
        );
        assert_eq!(keys[1].key, "B");
    }
}
