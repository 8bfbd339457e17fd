//! The template of a target's pull requests: found in the user's checkout, or a neutral one.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use portwright_harness::{digest, hint::Hint};
use portwright_targets::{self as targets, Target};

use crate::error::{Failure, ToolError};

/// Where it came from, in the head of the copy that a run keeps.
const HEAD: &str = "<!-- portwright-template: ";
const NEUTRAL: &str = "neutral";
/// A longer file is no template.
const LONGEST: u64 = 256 * 1024;

/// There is no template to fill.
#[derive(Debug, thiserror::Error)]
#[error("no template for `{target}`: {detail}")]
pub(crate) struct TemplateError {
    target: String,
    detail: String,
}

impl Failure for TemplateError {}

impl Hint for TemplateError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("`--port PATH` names a checkout; without one a neutral template is filled".into())
    }
}

/// The text of a template, with what tells it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// E.g. `mlx-lm .github/PULL_REQUEST_TEMPLATE/new_model.md`.
    pub(super) origin: String,
    pub(super) text: String,
}

impl Template {
    pub(super) fn sha256(&self) -> String {
        digest::of_bytes(self.text.as_bytes())
    }

    /// The copy that stands beside a draft, so that the draft can be checked without the checkout.
    pub(super) fn to_store(&self) -> String {
        format!("{HEAD}{} -->\n{}", self.origin, self.text)
    }
}

/// A template out of the copy that a run keeps; `None` where it is none.
pub(super) fn stored(text: &str) -> Option<Template> {
    let (origin, text) = text.strip_prefix(HEAD)?.split_once(" -->\n")?;
    Some(Template { origin: origin.to_owned(), text: text.to_owned() })
}

/// The template of `target` in the checkout `folder`; the neutral one where no folder is given.
///
/// # Errors
///
/// Fails for a target that is not known, and where the folder has no template of it.
pub(super) fn find(target: &str, folder: Option<&Path>) -> Result<Template, ToolError> {
    let failed = |detail| TemplateError { target: target.to_owned(), detail };
    let known = targets::find(target).ok().filter(|it| !it.templates.is_empty());
    let Some(known) = known else {
        let known = targets::ids(|it| !it.templates.is_empty());
        return Err(failed(format!("known are {known}")).into());
    };
    let Some(folder) = folder else { return neutral() };
    let Some((name, path)) = existing(known, folder) else {
        let folder = folder.display();
        let named = known.templates.join(", ");
        return Err(failed(format!("`{folder}` has none of {named}")).into());
    };
    let read = |source| ToolError::Read { path: path.clone(), source };
    if LONGEST < fs::metadata(&path).map_err(read)?.len() {
        let path = path.display();
        return Err(failed(format!("`{path}` is longer than {LONGEST} bytes")).into());
    }
    let text = fs::read_to_string(&path).map_err(read)?.replace("\r\n", "\n");
    Ok(Template { origin: format!("{target} {name}"), text })
}

fn existing(target: &'static Target, folder: &Path) -> Option<(&'static str, PathBuf)> {
    let mut candidates = target.templates.iter().map(|it| (it.as_str(), folder.join(it)));
    candidates.find(|(_, path)| path.is_file())
}

fn neutral() -> Result<Template, ToolError> {
    let text = portwright_prompts::render("pull-request.md", &serde_json::json!({}))?;
    Ok(Template { origin: NEUTRAL.to_owned(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkouts_own_template_is_taken_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(".github/PULL_REQUEST_TEMPLATE");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("new_model.md"), "# Model\r\n").unwrap();
        let found = find("mlx-lm", Some(dir.path())).unwrap();
        assert_eq!(found.text, "# Model\n");
        assert!(found.origin.starts_with("mlx-lm .github/"), "{}", found.origin);
        assert_eq!(stored(&found.to_store()), Some(found));
    }

    #[test]
    fn a_checkout_without_a_template_and_an_unknown_target_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let err = find("mlx-lm", Some(dir.path())).unwrap_err().to_string();
        assert!(err.contains("new_model.md"), "{err}");
        let err = find("tensorflow", None).unwrap_err().to_string();
        assert!(err.contains("known are mlx-lm, transformers"), "{err}");
        assert_eq!(find("mlx-lm", None).unwrap().origin, NEUTRAL);
    }
}
