//! Scaffolds every model of a release that has a modular file, and holds the result against both
//! oracles: the files must come back byte for byte, and people's own modular file is the measure of
//! length.
//!
//! ```sh
//! cargo run --release -p portwright-source --example scaffold_sweep -- PATH [--show MODEL] [--out DIR]
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use portwright_source::format::Style;
use portwright_source::scaffold::{Index, InputFile, Options, Scaffold, scaffold};
use portwright_source::{FileKind, Library};
use rayon::prelude::*;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

struct Row {
    model: String,
    human: usize,
    seconds: f64,
    result: Result<Scaffold, String>,
}

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("give the path of transformers")?;
    let option = |name: &str| {
        arguments.iter().position(|it| it == name).and_then(|at| arguments.get(at + 1))
    };
    let library = Library::open(Path::new(path)).map_err(|error| error.to_string())?;
    let started = Instant::now();
    let index = Index::build(&library).map_err(|error| error.to_string())?;
    say(&format!("index: {} classes in {:.2} s", index.len(), started.elapsed().as_secs_f64()));

    let style = Style::transformers();
    let modular: Vec<PathBuf> = library.modular_files().map_err(|error| error.to_string())?;
    let wanted = |path: &PathBuf| option("--show").is_none_or(|model| model_of(path) == *model);
    let started = Instant::now();
    let rows: Vec<Row> = modular
        .par_iter()
        .filter(|path| wanted(path))
        .map(|path| sweep(&library, &index, &style, path))
        .collect();
    say(&format!("scaffolded {} in {:.1} s", rows.len(), started.elapsed().as_secs_f64()));
    if let Some(folder) = option("--out") {
        std::fs::create_dir_all(folder)?;
        for row in &rows {
            let text = match &row.result {
                Ok(it) => it.modular.clone(),
                Err(error) => error.clone(),
            };
            std::fs::write(Path::new(folder).join(format!("modular_{}.py", row.model)), text)?;
            if let Ok(it) = &row.result {
                let diffs: String = it.files.iter().map(|file| file.diff.as_str()).collect();
                let told = format!("{:#?}\n{}\n{diffs}", it.classes, it.notes.join("\n"));
                std::fs::write(Path::new(folder).join(format!("{}.txt", row.model)), told)?;
            }
        }
    }
    report(&rows);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the driver of a measurement")]
fn say(line: &str) {
    println!("{line}");
}

fn model_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.trim_start_matches("modular_").to_owned()
}

fn sweep(library: &Library, index: &Index, style: &Style, path: &Path) -> Row {
    let model = model_of(path);
    let files: Vec<InputFile> = FileKind::ALL
        .into_iter()
        .map(|kind| path.with_file_name(format!("{}_{model}.py", kind.prefix())))
        .filter_map(|path| Some(InputFile { text: std::fs::read_to_string(&path).ok()?, path }))
        .filter(|file| file.text.contains("This file was automatically generated from"))
        .collect();
    let human = std::fs::read_to_string(path).map_or(0, |text| lines(&text));
    let started = Instant::now();
    let result = scaffold(library, index, style, &files, &Options::default())
        .map_err(|error| error.to_string());
    Row { model, human, seconds: started.elapsed().as_secs_f64(), result }
}

fn lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).count()
}

fn report(rows: &[Row]) {
    let mut ratios = Vec::new();
    let mut totals = (0, 0);
    let mut exact = 0;
    let mut files = (0, 0);
    for row in rows {
        match &row.result {
            Err(error) => say(&format!("ERROR {}: {error}", row.model)),
            Ok(it) => {
                exact += usize::from(it.exact);
                files.0 += it.files.iter().filter(|file| file.exact).count();
                files.1 += it.files.len();
                let ours = it.lines as usize;
                totals = (totals.0 + ours, totals.1 + row.human);
                #[expect(clippy::cast_precision_loss, reason = "line counts are small")]
                let ratio = ours as f64 / row.human.max(1) as f64;
                ratios.push(ratio);
                let parents: std::collections::BTreeSet<&str> =
                    it.classes.iter().filter_map(|class| class.module.as_deref()).collect();
                let state = if it.exact { "exact" } else { "WRONG" };
                say(&format!(
                    "{state} {} ours {ours} human {} input {} ratio {ratio:.2} parents {} in {:.2} s",
                    row.model,
                    row.human,
                    it.input_lines,
                    parents.len(),
                    row.seconds
                ));
            }
        }
    }
    ratios.sort_by(f64::total_cmp);
    let at = |share: usize| {
        ratios.get(ratios.len().saturating_sub(1) * share / 100).copied().unwrap_or(0.0)
    };
    let spread: Vec<String> =
        [5, 10, 25, 50, 75, 90, 95].map(|share| format!("p{share} {:.2}", at(share))).into();
    say(&format!("exact {exact} of {}; files {} of {}", rows.len(), files.0, files.1));
    say(&format!("lines: ours {}, human {}; ratio {}", totals.0, totals.1, spread.join(", ")));
    say(&format!(
        "not longer than the human one: {}",
        ratios.iter().filter(|ratio| **ratio <= 1.0).count()
    ));
}
