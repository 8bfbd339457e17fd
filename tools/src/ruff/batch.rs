//! One run of `ruff` over many texts, in a copy of the repository's tree.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    process::{Command, Output, Stdio},
};

use portwright_source::format::Style;

use super::{Ruff, RuffError};

impl Ruff {
    /// Tidies each text as `ruff check --fix` and `ruff format` do with `style`, in the same order.
    ///
    /// Paths are relative to the repository (`src/transformers/models/x/modeling_x.py`), since
    /// per-file settings and first-party packages depend on them. Findings that have no safe fix
    /// are no error, as they are none to transformers' own converter. The program runs twice,
    /// whatever the number of files.
    pub fn tidy(
        &self,
        style: &Style,
        files: &[(PathBuf, String)],
    ) -> Result<Vec<String>, RuffError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let folder = tempfile::tempdir()
            .map_err(RuffError::io("create a folder in", &std::env::temp_dir()))?;
        let root = folder.path();
        write(&root.join("ruff.toml"), &style.to_toml())?;
        let mut seen = BTreeSet::new();
        for (path, text) in files {
            check_path(path)?;
            if !seen.insert(path) {
                return Err(RuffError::Path { path: path.clone(), reason: "it is given twice" });
            }
            write(&root.join(path), text)?;
        }
        self.run(root, "check", &["--fix", "--exit-zero", "--quiet", "--no-cache"], files)?;
        self.run(root, "format", &["--no-cache"], files)?;
        files
            .iter()
            .map(|(path, _)| {
                fs::read_to_string(root.join(path)).map_err(RuffError::io("read back", path))
            })
            .collect()
    }

    fn run(
        &self,
        root: &Path,
        command: &'static str,
        options: &[&str],
        files: &[(PathBuf, String)],
    ) -> Result<(), RuffError> {
        let mut ruff = Command::new(&self.program);
        ruff.current_dir(root).stdin(Stdio::null()).arg(command).args(options).arg("--");
        ruff.args(files.iter().map(|(path, _)| path));
        let own = std::env::vars_os().map(|(name, _)| name);
        for name in own.filter(|it| it.to_string_lossy().starts_with("RUFF_")) {
            ruff.env_remove(name);
        }
        ruff.env("NO_COLOR", "1");
        let Output { status, stderr, .. } =
            ruff.output().map_err(RuffError::io("run", &self.program))?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&stderr);
        Err(match command {
            "format" => RuffError::of_format(status.to_string(), &said),
            _ => RuffError::Failed { command, status: status.to_string(), said: said.into_owned() },
        })
    }
}

/// A relative path that stays below its root.
fn check_path(path: &Path) -> Result<(), RuffError> {
    let stays = path.components().all(|it| matches!(it, Component::Normal(_)));
    let reason = match (stays, path.file_name()) {
        (true, Some(name)) if name != "ruff.toml" => return Ok(()),
        (true, _) => "it names no source file",
        (false, _) => "it does not lead down from the repository",
    };
    Err(RuffError::Path { path: path.to_owned(), reason })
}

fn write(path: &Path, text: &str) -> Result<(), RuffError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(RuffError::io("create", folder))?;
    }
    fs::write(path, text).map_err(RuffError::io("write", path))
}

#[cfg(test)]
mod tests {
    use portwright_harness::{cancel::Cancel, environment::Home};
    use portwright_source::format::tidy;

    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
        texts.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
    }

    /// A program that is never reached.
    fn none() -> Ruff {
        Ruff { program: "/nonexistent/ruff".into(), version: "0.14.10".into() }
    }

    #[test]
    fn paths_that_lead_out_or_come_twice_are_refused() {
        let style = Style::transformers();
        for path in ["../a.py", "/etc/a.py", "", "src/../../a.py", "ruff.toml"] {
            let err = none().tidy(&style, &files(&[(path, "")])).unwrap_err();
            assert!(matches!(err, RuffError::Path { .. }), "{path}: {err}");
        }
        let twice = none().tidy(&style, &files(&[("a.py", ""), ("a.py", "x")])).unwrap_err();
        assert!(twice.to_string().contains("given twice"), "{twice}");
    }

    #[test]
    fn no_files_need_no_program() {
        assert_eq!(none().tidy(&Style::transformers(), &[]).unwrap(), Vec::<String>::new());
        let err = none().tidy(&Style::transformers(), &files(&[("a.py", "")])).unwrap_err();
        assert!(err.to_string().contains("/nonexistent/ruff"), "{err}");
    }

    /// The pinned program where it can be had; without a network there is nothing to compare.
    fn pinned() -> Option<Ruff> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("setup.py"), "_deps = [\"ruff==0.14.10\"]").unwrap();
        let home = Home::locate().unwrap();
        match Ruff::pinned(dir.path(), &home, &(), &Cancel::default()) {
            Ok(ruff) => Some(ruff),
            Err(RuffError::Install { .. }) => None,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_pinned_program_and_the_embedded_one_agree() {
        let Some(ruff) = pinned() else { return };
        let style = Style::transformers();
        let batch = files(&[
            (
                "src/transformers/models/a/modeling_a.py",
                "from ...utils import logging\nimport torch, os\nfrom transformers import A\n\
                 class B(A):\n  '''Doc.\n   \n  '''\n  def f(self, **kw): return kw.get('a', None), \
                 torch.ones(1), [1,\n2,]\n",
            ),
            ("src/transformers/models/a/__init__.py", "from .modeling_a import B\n"),
            ("src/transformers/models/b/configuration_b.py", "x = {  'a':1, \"b\" : 2 }\n\n\n\n"),
        ]);
        let tidied = ruff.tidy(&style, &batch).unwrap();
        for ((path, text), pinned) in batch.iter().zip(&tidied) {
            assert_eq!(&tidy(&style, path, text).unwrap(), pinned, "{}", path.display());
        }
        assert!(
            tidied[0].starts_with("import torch\n\nfrom transformers import A\n\n\nclass B(A):")
        );
    }

    #[test]
    fn a_syntax_error_names_the_file() {
        let Some(ruff) = pinned() else { return };
        let batch = files(&[("src/good.py", "x=1"), ("src/bad.py", "x = (\n")]);
        let err = ruff.tidy(&Style::transformers(), &batch).unwrap_err();
        assert!(
            matches!(&err, RuffError::Syntax { files, .. } if files.starts_with("src/bad.py:")),
            "{err}"
        );
    }
}
