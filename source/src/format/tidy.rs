//! One text through the fixes and the formatter.

use std::path::{Path, PathBuf};

use ruff_linter::{
    linter::lint_fix,
    package::PackageRoot,
    settings::{flags::Noqa, types::UnsafeFixes},
    source_kind::SourceKind,
};
use ruff_python_ast::PySourceType;
use ruff_python_formatter::{FormatModuleError, format_module_source};
use ruff_source_file::LineIndex;
use ruff_text_size::TextSize;

use super::{Style, style::ROOT};
use crate::depth;

/// Why a text could not be tidied. Lines and columns count from one, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The text is not Python.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The file, as it was given.
        path: PathBuf,
        /// Where it stops being Python.
        line: usize,
        /// The column in that line.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// The text may be Python, but ruff's recursion could not be trusted with it.
    #[error("{}:{line}:{column}: nests deeper than {} levels", path.display(), depth::LIMIT)]
    TooDeep {
        /// The file, as it was given.
        path: PathBuf,
        /// Where the limit is passed.
        line: usize,
        /// The column in that line.
        column: usize,
    },
    /// ruff itself failed on valid Python.
    #[error("ruff cannot {step} {}: {message}; try the pinned `ruff` program", path.display())]
    Ruff {
        /// The file, as it was given.
        path: PathBuf,
        /// `fix` or `format`.
        step: &'static str,
        /// What ruff says.
        message: String,
    },
}

/// Applies `style`'s safe fixes and its layout to `source`.
///
/// `path` is relative to the repository. It is not opened: it decides which per-file settings count
/// and which package is first party (`src/NAME/...` or `NAME/...`).
pub fn tidy(style: &Style, path: &Path, source: &str) -> Result<String, FormatError> {
    let source_type = PySourceType::from(path);
    refuse_unfit(path, source, source_type)?;
    depth::with_room(|| apply(style, path, source, source_type))
}

/// Lays `source` out without fixing anything.
pub(crate) fn lay_out(style: &Style, path: &Path, source: &str) -> Result<String, FormatError> {
    let source_type = PySourceType::from(path);
    refuse_unfit(path, source, source_type)?;
    depth::with_room(|| print(style, path, source, source_type))
}

/// Parses once, so that nothing that recurses sees a text that is not Python or nests too deep.
fn refuse_unfit(path: &Path, source: &str, source_type: PySourceType) -> Result<(), FormatError> {
    let parsed = depth::parse(source, source_type).map_err(|offset| {
        let place = LineIndex::from_source_text(source).line_column(offset, source);
        let (line, column) = (place.line.get(), place.column.get());
        FormatError::TooDeep { path: path.to_owned(), line, column }
    })?;
    match parsed.errors().first() {
        Some(error) => Err(syntax_error(path, source, error.location.start(), &error.error)),
        None => Ok(()),
    }
}

fn apply(
    style: &Style,
    path: &Path,
    source: &str,
    source_type: PySourceType,
) -> Result<String, FormatError> {
    let fixed = fix(style, path, source, source_type)?;
    print(style, path, fixed.source_code(), source_type)
}

fn print(
    style: &Style,
    path: &Path,
    code: &str,
    source_type: PySourceType,
) -> Result<String, FormatError> {
    let absolute = Path::new(ROOT).join(path);
    let options = style.formatter.to_format_options(source_type, code, Some(&absolute));
    match format_module_source(code, options) {
        Ok(printed) => Ok(printed.into_code()),
        Err(FormatModuleError::ParseError(error)) => {
            Err(syntax_error(path, code, error.location.start(), &error.error))
        }
        Err(error) => Err(ruff_error(path, "format", &error)),
    }
}

fn fix(
    style: &Style,
    path: &Path,
    source: &str,
    source_type: PySourceType,
) -> Result<SourceKind, FormatError> {
    let absolute = Path::new(ROOT).join(path);
    let package = package(path);
    let kind = SourceKind::Python { code: source.to_owned(), is_stub: source_type.is_stub() };
    let fixed = lint_fix(
        &absolute,
        package.as_deref().map(PackageRoot::root),
        Noqa::Enabled,
        UnsafeFixes::Disabled,
        &style.linter,
        &kind,
        source_type,
    )
    .map_err(|error| ruff_error(path, "fix", &error))?;
    Ok(fixed.transformed.into_owned())
}

/// The package that `path` lies in, in either of the two usual layouts.
fn package(path: &Path) -> Option<PathBuf> {
    let mut components = path.parent()?.components();
    let mut root = PathBuf::from(ROOT).join(components.next()?);
    if root.ends_with("src") {
        root.push(components.next()?);
    }
    Some(root)
}

fn syntax_error(
    path: &Path,
    source: &str,
    offset: TextSize,
    message: &dyn std::fmt::Display,
) -> FormatError {
    let place = LineIndex::from_source_text(source).line_column(offset, source);
    FormatError::Syntax {
        path: path.to_owned(),
        line: place.line.get(),
        column: place.column.get(),
        message: message.to_string(),
    }
}

fn ruff_error(path: &Path, step: &'static str, error: &dyn std::fmt::Display) -> FormatError {
    FormatError::Ruff { path: path.to_owned(), step, message: format!("{error:#}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each expected text is what ruff 0.14.10 leaves of the source under transformers' settings.
    fn check(source: &str, expected: &str) {
        let path = Path::new("src/transformers/models/llama/modeling_llama.py");
        let tidied = tidy(&Style::transformers(), path, source).unwrap();
        assert_eq!(tidied, expected);
        assert_eq!(tidy(&Style::transformers(), path, &tidied).unwrap(), expected, "not stable");
    }

    #[test]
    fn imports_are_sorted_pruned_and_followed_by_two_lines() {
        check(
            "from ...utils import logging\nimport torch\nimport os, math\nfrom transformers import A\n\
             x = math.pi, torch.e, logging, A\n",
            "import math\n\nimport torch\n\nfrom transformers import A\n\nfrom ...utils import logging\n\n\n\
             x = math.pi, torch.e, logging, A\n",
        );
    }

    #[test]
    fn a_kept_import_is_kept() {
        check("import os  # noqa: F401\n", "import os  # noqa: F401\n");
    }

    #[test]
    fn blank_lines_in_strings_lose_their_spaces_and_get_loses_its_none() {
        check(
            "def f(**d):\n  '''One.\n     \n  Two.\n  '''\n  return d.get('a', None)\n",
            "def f(**d):\n    \"\"\"One.\n\n    Two.\n    \"\"\"\n    return d.get(\"a\")\n",
        );
    }

    #[test]
    fn unused_imports_of_a_package_stay() {
        let path = Path::new("src/transformers/models/llama/__init__.py");
        let source = "from .modeling_llama import LlamaModel\n";
        assert_eq!(tidy(&Style::transformers(), path, source).unwrap(), source);
    }

    #[test]
    fn quotes_indent_and_commas_follow_the_settings() {
        let style = Style::from_pyproject(
            "[tool.ruff]\nline-length = 20\n[tool.ruff.format]\nquote-style = 'single'\n\
             indent-style = 'tab'\nskip-magic-trailing-comma = true\nline-ending = 'cr-lf'",
        )
        .unwrap();
        let tidied = tidy(&style, Path::new("a.py"), "if x:\n    y = [\"a\",]\n").unwrap();
        assert_eq!(tidied, "if x:\r\n\ty = ['a']\r\n");
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let path = Path::new("src/transformers/models/x/modeling_x.py");
        let err = tidy(&Style::transformers(), path, "x = 1\ny = ä + + )\n").unwrap_err();
        let FormatError::Syntax { line, column, .. } = &err else { panic!("{err}") };
        assert_eq!((*line, *column), (2, 11), "{err}");
        assert!(err.to_string().starts_with("src/transformers/models/x/modeling_x.py:2:11: "));
    }

    #[test]
    fn what_nests_too_deep_is_refused_and_what_does_not_is_tidied_on_a_small_stack() {
        let tidied = |levels: usize| {
            let source = format!("x = {}1{}\n", "[".repeat(levels), "]".repeat(levels));
            let style = Style::transformers();
            let work = move || tidy(&style, Path::new("a.py"), &source);
            std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap()
        };
        assert!(tidied(depth::LIMIT - 1).is_ok());
        let err = tidied(100_000).unwrap_err();
        assert_eq!(err.to_string(), "a.py:1:1005: nests deeper than 1000 levels");
    }

    #[test]
    fn the_package_is_read_from_the_path() {
        let root = |it: &str| package(Path::new(it)).map(|it| it.display().to_string());
        assert!(root("src/transformers/models/a.py").unwrap().ends_with("src/transformers"));
        assert!(root("mlx_lm/models/a.py").unwrap().ends_with("repository/mlx_lm"));
        assert_eq!(root("setup.py"), None);
    }
}
