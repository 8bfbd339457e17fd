//! Folders that are frozen into the library: a new file among them must rebuild the crate.

fn main() {
    for folder in ["dialects", "session"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
