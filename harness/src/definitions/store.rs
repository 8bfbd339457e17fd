//! Finished rows on disk, kept for one set of sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{DefinitionsError, Head, Row};
use crate::rundir::write_whole;

pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the folder; rows that were made of other sources or by another program are thrown away.
    pub(super) fn open(out: &Path, key: &str) -> Result<Self, DefinitionsError> {
        let folder = out.join("rows");
        let write = |source| DefinitionsError::Write { path: out.to_owned(), source };
        let marker = out.join("sweep.key");
        fs::create_dir_all(out).map_err(write)?;
        if fs::read_to_string(&marker).ok().as_deref() != Some(key) {
            let _ = fs::remove_dir_all(&folder);
            write_whole(&marker, key.as_bytes()).map_err(write)?;
        }
        fs::create_dir_all(&folder).map_err(write)?;
        Ok(Self { folder })
    }

    pub(super) fn finished(&self, head: Head, model_type: &str) -> Option<Row> {
        let text = fs::read_to_string(self.path(head, model_type)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(super) fn keep(&self, row: &Row) -> Result<(), DefinitionsError> {
        let path = self.path(row.head, &row.model_type);
        let json = serde_json::to_string_pretty(row).expect("rows are plain data");
        write_whole(&path, json.as_bytes())
            .map_err(|source| DefinitionsError::Write { path, source })
    }

    fn path(&self, head: Head, model_type: &str) -> PathBuf {
        self.folder.join(format!("{}-{model_type}.json", head.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_while_the_sources_agree() {
        let folder = tempfile::tempdir().unwrap();
        let row = Row::new(Head::MaskedLm, "bert");
        Store::open(folder.path(), "a").unwrap().keep(&row).unwrap();
        let again = Store::open(folder.path(), "a").unwrap();
        assert_eq!(again.finished(Head::MaskedLm, "bert"), Some(row));
        assert_eq!(again.finished(Head::CausalLm, "bert"), None);
        let other = Store::open(folder.path(), "b").unwrap();
        assert_eq!(other.finished(Head::MaskedLm, "bert"), None);
    }
}
