//! `modular new`: a new model that begins as another one.
//!
//! The modular file derives every public class of the parent; everything else that transformers
//! expects of a model is written around it. All is made in memory, converted, and then written
//! together, or not at all.

mod documents;
mod error;
mod names;
mod tables;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{cancel::Cancel, environment::Home, progress::Progress};
use portwright_prompts::render;
use portwright_source::{Library, Source, outline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    conversion::Workshop,
    files,
    formatter::{Formatter, FormatterChoice, FormatterUsed},
    place,
};
use crate::error::ToolError;
pub use error::NewModelError;
use names::Names;

/// What to begin, and from what.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewModelInput {
    /// The new model type in snake case, e.g. `my_olmo`.
    pub name: String,
    /// The model to inherit from, e.g. `olmo3`.
    pub from: String,
    /// A checkout of transformers; the one around the current folder when absent.
    pub transformers: Option<PathBuf>,
    /// The name in the documentation; made from the model type when absent.
    pub display_name: Option<String>,
    /// The prefix of the class names, e.g. `MyOLMo`; made from the model type when absent.
    pub class_prefix: Option<String>,
    /// Kinds of files to inherit besides modeling and configuration, e.g. `processing`.
    pub with: Vec<String>,
    /// Which formatter lays the files out.
    pub formatter: FormatterChoice,
}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NewModelOutput {
    /// Files that were not there before.
    pub created: Vec<PathBuf>,
    /// Files that got entries for the new model.
    pub changed: Vec<PathBuf>,
    /// What a person has to do, in order.
    pub remaining: Vec<String>,
    pub formatter: FormatterUsed,
}

/// Begin a new model.
///
/// # Errors
///
/// Fails without a trace on disk when the name is taken or no name, the parent is none, or what
/// would be written does not convert.
pub fn new_model(
    input: &NewModelInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<NewModelOutput, ToolError> {
    let given = input.transformers.as_deref();
    let library = place::open(given, &[], home, progress, cancel)?;
    if !place::is_checkout(&library) {
        return Err(NewModelError::NoCheckout.into());
    }
    let names = Names::decide(&library, input)?;
    let formatter = Formatter::choose(input.formatter, &library, home, progress, cancel)?;
    let mut remaining = Vec::new();
    let drafts = drafts(&library, &names, &formatter, &mut remaining)?;
    let generated = generate(&library, &names, &drafts, &formatter, progress, cancel)?;

    remaining.splice(0..0, siblings(&names, &generated));
    let all: Vec<(PathBuf, String)> = drafts.into_iter().chain(generated).collect();
    let (changed, created) =
        all.iter().map(|(path, _)| path.clone()).partition(|it: &PathBuf| it.exists());
    if cancel.is_cancelled() {
        return Err(ToolError::Cancelled);
    }
    files::replace_all(&all)?;
    remaining.extend(names.work());
    Ok(NewModelOutput { created, changed, remaining, formatter: formatter.used })
}

/// Files of its own that the parent imports and that are no part of the modular system.
fn siblings(names: &Names, generated: &[(PathBuf, String)]) -> Vec<String> {
    let mut missing = BTreeSet::new();
    for (path, text) in generated {
        let imports = text.lines().filter_map(|it| it.trim_start().strip_prefix("from ."));
        let modules = imports.filter_map(|it| it.split_once(" import ")).map(|(module, _)| module);
        for module in modules.filter(|it| !it.is_empty() && !it.contains('.')) {
            let file = path.with_file_name(format!("{module}.py"));
            if generated.iter().all(|(path, _)| *path != file) {
                missing.insert(module);
            }
        }
    }
    let work = |it: &str| {
        let of_parent = it.replace(&names.name, &names.parent);
        format!(
            "write {it}.py, as {of_parent}.py is: the new files import it, and nothing generates it"
        )
    };
    missing.into_iter().map(work).collect()
}

/// All files but those that conversion gives.
fn drafts(
    library: &Library,
    names: &Names,
    formatter: &Formatter,
    remaining: &mut Vec<String>,
) -> Result<Vec<(PathBuf, String)>, ToolError> {
    let models = library.models();
    let folder = models.join(&names.name);
    let checkout = library.package().ancestors().nth(2).unwrap_or(library.package());
    let mut python = vec![
        (names.modular(library), modular(names)?),
        (folder.join("__init__.py"), init(&models, names)?),
    ];
    let tests = checkout.join("tests/models");
    let mut others = Vec::new();
    if tests.is_dir() {
        let path = tests.join(&names.name).join(format!("test_modeling_{}.py", names.name));
        python.push((path, documents::test(checkout, names)?));
        others.push((tests.join(&names.name).join("__init__.py"), String::new()));
    } else {
        remaining.push("there is no `tests/models` here: write the tests where they belong".into());
    }
    // Laid out together, since the pinned program is started once a batch.
    let batch: Vec<(PathBuf, String)> = python
        .iter()
        .map(|(path, text)| {
            let name = path.strip_prefix(checkout).unwrap_or(path);
            (name.to_owned(), text.clone())
        })
        .collect();
    for ((path, _), text) in python.iter().zip(formatter.tidy(&batch)?) {
        let text = text.map_err(|said| NewModelError::Draft { path: path.clone(), said })?;
        others.push((path.clone(), text));
    }
    others.push(documents::models_init(&models, names)?);
    others.extend(tables::entries(library, names, remaining)?);
    others.extend(documents::page(checkout, names, remaining)?);
    Ok(others)
}

fn modular(names: &Names) -> Result<String, ToolError> {
    let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for class in &names.classes {
        parents.entry(&class.module).or_default().push(&class.base);
    }
    let parents: Vec<_> = parents
        .into_iter()
        .map(|(module, names)| json!({ "module": module, "names": names }))
        .collect();
    let data = json!({ "year": names.year, "parents": parents, "classes": names.classes });
    Ok(render("modular-new.py", &data)?)
}

fn init(models: &Path, names: &Names) -> Result<String, ToolError> {
    // A release that generates these files says so in the first lines of each.
    let of_parent = fs::read_to_string(models.join(&names.parent).join("__init__.py"));
    let of_parent = of_parent.unwrap_or_default();
    let banner: String = match of_parent.find("# Copyright") {
        Some(at) if of_parent[..at].contains("automatically generated") => of_parent[..at]
            .replace(&format!("models/{}", names.parent), &format!("models/{}", names.name)),
        _ => String::new(),
    };
    let modules: Vec<String> = names.kinds.iter().map(|it| it.module(&names.name)).collect();
    Ok(render(
        "model-init.py",
        &json!({ "year": names.year, "banner": banner, "modules": modules }),
    )?)
}

/// What the modular file stands for, converted from the drafts.
fn generate(
    library: &Library,
    names: &Names,
    drafts: &[(PathBuf, String)],
    formatter: &Formatter,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<(PathBuf, String)>, ToolError> {
    let staged = drafts
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|it| it == "py"))
        .map(|(path, text)| Source::parse(path, text.as_str()))
        .collect::<Result<Vec<_>, _>>()?;
    let library = Library::open_with(library.package(), staged)?;
    let read = HashSet::new();
    let workshop = Workshop { library: &library, formatter, progress, cancel, read };
    let mut written = Vec::new();
    for converted in workshop.convert(&[names.modular(&library)])? {
        written.extend(converted.result.map_err(|it| NewModelError::Conversion(it.message))?);
    }
    let mut defined = HashSet::new();
    for file in &written {
        let source = Source::parse(&file.path, file.text.as_str())?;
        for class in outline::classes(&source) {
            if let Some(expected) = names.types.get(&class.name)
                && class.model_type.as_ref() != Some(expected)
            {
                return Err(NewModelError::OtherType {
                    class: class.name,
                    found: class.model_type,
                    expected: expected.clone(),
                }
                .into());
            }
            defined.insert(class.name);
        }
    }
    if let Some(class) = names.classes.iter().find(|it| !defined.contains(&it.name)) {
        return Err(NewModelError::NotWritten {
            class: class.name.clone(),
            base: class.base.clone(),
        }
        .into());
    }
    Ok(written.into_iter().map(|it| (it.path, it.text)).collect())
}
