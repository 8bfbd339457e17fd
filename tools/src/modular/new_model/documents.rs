//! What stands around the sources of a new model: the list of models, its tests, its page.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portwright_prompts::render;
use serde_json::json;

use super::{Names, NewModelError};
use crate::error::ToolError;

fn read(path: &Path) -> Result<String, ToolError> {
    fs::read_to_string(path).map_err(|source| ToolError::Read { path: path.to_owned(), source })
}

/// `models/__init__.py` with the new model in its sorted place.
pub(super) fn models_init(models: &Path, names: &Names) -> Result<(PathBuf, String), ToolError> {
    let path = models.join("__init__.py");
    let text = read(&path)?;
    let module = |line: &str| {
        let rest = line.strip_prefix("    from .")?.trim_end();
        rest.strip_suffix(" import *").map(str::to_owned)
    };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let listed: Vec<(usize, String)> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, module(line)?))).collect();
    // Sorters differ over digits and underscores, so that the list is sorted only nearly.
    let crossing = listed
        .windows(2)
        .find(|pair| pair[0].1 < names.name && names.name < pair[1].1)
        .map(|pair| pair[1].0);
    let first = listed.first().filter(|(_, it)| names.name < *it).map(|(at, _)| *at);
    let last = listed.last().map(|(at, _)| at + 1);
    let at = first
        .or(crossing)
        .or(last)
        .ok_or_else(|| NewModelError::NoListOfModels { path: path.clone() })?;
    lines.insert(at, format!("    from .{} import *\n", names.name));
    Ok((path, lines.concat()))
}

/// The test of the model: the shared suite of causal language models where it is one, the parent's
/// own test under the new names where there is one, else a test of the configuration.
pub(super) fn test(checkout: &Path, names: &Names) -> Result<String, ToolError> {
    let shared = checkout.join("tests/causal_lm_tester.py").is_file();
    let base_model = names.with_suffix("Model");
    let causal_lm = shared && base_model.is_some() && names.with_suffix("ForCausalLM").is_some();
    let parent = &names.parent;
    let of_parent = checkout.join(format!("tests/models/{parent}/test_modeling_{parent}.py"));
    if !causal_lm && of_parent.is_file() {
        let text = read(&of_parent)?;
        return Ok(text.replace(&names.parent_prefix, &names.prefix).replace(parent, &names.name));
    }
    let config = names.with_suffix("Config").or(names.types.keys().next().map(String::as_str));
    let data = json!({
        "year": names.year,
        "name": names.name,
        "display_name": names.display_name,
        "prefix": names.prefix,
        "causal_lm": causal_lm,
        "base_model": base_model,
        "config": config,
    });
    Ok(render("test-modeling.py", &data)?)
}

/// The model's page and its entry in the table of contents, where there is documentation.
pub(super) fn page(
    checkout: &Path,
    names: &Names,
    remaining: &mut Vec<String>,
) -> Result<Vec<(PathBuf, String)>, ToolError> {
    let docs = checkout.join("docs/source/en");
    if !docs.join("model_doc").is_dir() {
        remaining
            .push("there is no `docs/source/en/model_doc` here: the page was not written".into());
        return Ok(Vec::new());
    }
    let contents = docs.join("_toctree.yml");
    let text = fs::read_to_string(&contents).unwrap_or_default();
    let parent_title = title_of(&text, &names.parent);
    let data = json!({
        "year": names.year,
        "display_name": names.display_name,
        "parent": names.parent,
        "parent_display_name": parent_title.as_deref().unwrap_or(&names.parent_prefix),
        "classes": names.classes,
    });
    let page = docs.join("model_doc").join(format!("{}.md", names.name));
    let page_text = render("model-doc.md", &data)?.trim_end().to_owned() + "\n";
    let mut files = vec![(page, page_text)];
    match with_entry(&text, names) {
        Some(text) => files.push((contents, text)),
        None => remaining.push(format!(
            "add `model_doc/{}` to docs/source/en/_toctree.yml: `{}` has no entry to stand beside",
            names.name, names.parent
        )),
    }
    Ok(files)
}

/// An entry of the table of contents: its first line, and its title.
struct Item<'a> {
    line: usize,
    indent: &'a str,
    model: &'a str,
    title: &'a str,
}

/// ```yaml
///       - local: model_doc/llama
///         title: LLaMA
/// ```
fn items<'a>(lines: &[&'a str]) -> Vec<Item<'a>> {
    let item = |(line, pair): (usize, &[&'a str])| {
        let at = pair[0].find("- local: model_doc/")?;
        let title = pair[1].trim_start().strip_prefix("title: ")?.trim_end();
        let model = pair[0][at..].strip_prefix("- local: model_doc/")?.trim_end();
        Some(Item { line, indent: &pair[0][..at], model, title })
    };
    lines.windows(2).enumerate().filter_map(item).collect()
}

fn title_of(text: &str, model: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    items(&lines).iter().find(|it| it.model == model).map(|it| it.title.to_owned())
}

/// The table of contents with the new model among its parent's neighbours, by title.
fn with_entry(text: &str, names: &Names) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let items = items(&lines);
    let parent = items.iter().position(|it| it.model == names.parent)?;
    let joined = |left: usize| {
        let (a, b) = (&items[left], &items[left + 1]);
        a.line + 2 == b.line && a.indent == b.indent
    };
    let first = (0..parent).rev().take_while(|it| joined(*it)).last().unwrap_or(parent);
    let last =
        (parent..items.len() - 1).take_while(|it| joined(*it)).last().map_or(parent, |it| it + 1);
    let run = &items[first..=last];
    let key = |title: &str| title.to_lowercase();
    let sorted = run.is_sorted_by_key(|it| key(it.title));
    let next = run.iter().find(|it| sorted && key(&names.display_name) < key(it.title));
    let line = match next {
        Some(next) => next.line,
        None if sorted => items[last].line + 2,
        None => items[parent].line + 2,
    };
    let indent = items[parent].indent;
    let mut out: Vec<String> = lines.iter().map(|it| (*it).to_owned()).collect();
    let (name, title) = (&names.name, &names.display_name);
    out.insert(line, format!("{indent}- local: model_doc/{name}\n{indent}  title: {title}\n"));
    Some(out.concat())
}
