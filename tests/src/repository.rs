//! This repository as git sees it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Its root.
///
/// # Panics
///
/// Never: this crate lies in it.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the repository")
}

/// Every file that git knows or would add, relative to the root.
///
/// # Panics
///
/// When git cannot list them.
pub fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
    listed.split('\0').map(PathBuf::from).filter(|it| root().join(it).is_file()).collect()
}
