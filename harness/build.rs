//! Folders that are embedded: a new file among them must rebuild the crate.

fn main() {
    for folder in ["workers/portwright_worker", "../runtime/session", "mutants", "causes"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
