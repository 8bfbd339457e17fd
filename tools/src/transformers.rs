//! Which transformers a user means: a checkout or an install by its path, or a release by its name.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    environment::{self, Home, ReleaseName},
    hint::Hint,
    progress::Progress,
};

use crate::error::{Failure, ToolError};

/// What was named is neither a path nor a release.
#[derive(Debug, thiserror::Error)]
#[error("`{given}` is neither an existing path nor a release of transformers", given = given.display())]
pub(crate) struct NoSuchTransformers {
    given: PathBuf,
}

impl Failure for NoSuchTransformers {}

impl Hint for NoSuchTransformers {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some(
            "name a checkout or an install by its path, or a release as in `5.24` (the newest \
             5.24.x) or `5.24.0`"
                .into(),
        )
    }
}

/// The transformers that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The folder that holds it: a checkout, a folder of packages, or the package itself.
    pub(crate) folder: PathBuf,
    /// What names the same one again: the path as it was given, or the exact version.
    pub(crate) name: PathBuf,
}

enum Meant {
    Path(PathBuf),
    Release(ReleaseName),
}

/// The transformers that `given` names, fetched where it is a release that is not at hand.
///
/// # Errors
///
/// Where it is neither a path that exists nor a release, or the release cannot be had.
pub(crate) fn find(
    given: Option<&Path>,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Option<Given>, ToolError> {
    let Some(given) = given else { return Ok(None) };
    Ok(Some(match meant(given)? {
        Meant::Path(folder) => Given { folder, name: given.to_owned() },
        Meant::Release(name) => {
            let release = environment::release(home, &name, progress, cancel)?;
            Given { folder: release.folder, name: release.version.into() }
        }
    }))
}

/// What can be told of it at once, with nothing fetched.
///
/// # Errors
///
/// Where it is neither a path that exists nor a release.
pub(crate) fn check(given: Option<&Path>) -> Result<(), NoSuchTransformers> {
    given.map_or(Ok(()), |it| meant(it).map(|_| ()))
}

/// A path that exists wins over a release of that name.
fn meant(given: &Path) -> Result<Meant, NoSuchTransformers> {
    if let Ok(path) = given.canonicalize() {
        return Ok(Meant::Path(path));
    }
    match given.to_str().map(str::parse) {
        Some(Ok(release)) => Ok(Meant::Release(release)),
        _ => Err(NoSuchTransformers { given: given.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use portwright_harness::hint::Hint;

    use super::*;

    #[test]
    fn a_path_that_exists_wins_over_a_release_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("5.24");
        assert!(matches!(meant(Path::new("5.24.0")), Ok(Meant::Release(_))));
        assert!(meant(&folder).is_err(), "a path to nowhere was taken for a release");
        std::fs::create_dir(&folder).unwrap();
        assert!(matches!(meant(&folder), Ok(Meant::Path(_))));
    }

    #[test]
    fn what_is_neither_is_refused_with_both_readings() {
        for neither in ["v5.24.0", "no/such/checkout", "5", "main"] {
            let err = check(Some(Path::new(neither))).unwrap_err();
            let text = format!("{err}; {}", err.hint().unwrap());
            for part in [neither, "existing path", "a release", "`5.24.0`", "checkout"] {
                assert!(text.contains(part), "{text}");
            }
        }
        assert!(check(None).is_ok() && check(Some(Path::new("5.24"))).is_ok());
    }
}
