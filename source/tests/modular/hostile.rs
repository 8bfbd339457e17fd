//! Hostile sources: mutated fixtures and mutated real files. Whatever comes in, conversion returns:
//! files that are Python, or a [`Problem`] that names its file.
//!
//! Mutants are made from a seed, so a failure names the seed that shows it again.

#![expect(clippy::print_stdout, reason = "the long runs report to whoever asked for them")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, sync::Arc};

use portwright_source::{Library, Problem, Source, modular, outline};

use crate::fixture::{Fixture, Models};
use crate::mutant::{Seed, mutate};

/// No source of these sizes may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
struct Tally {
    mutants: usize,
    converted: usize,
    refused: usize,
    slowest: Duration,
}

impl Tally {
    /// Runs `work` on a mutant and says what is wrong with how that ended. `given` is the text of a
    /// file that is not on disk.
    fn count(
        &mut self,
        name: &str,
        given: Option<(&Path, &str)>,
        work: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<(), String> {
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(work));
        let took = start.elapsed();
        self.mutants += 1;
        self.slowest = self.slowest.max(took);
        match result {
            Err(_) => return Err(format!("{name}: a panic")),
            Ok(Ok(())) => self.converted += 1,
            Ok(Err(problem)) => {
                self.refused += 1;
                if !is_placed(&problem, given) {
                    return Err(format!("{name}: not its place: {problem}"));
                }
            }
        }
        if PATIENCE < took { Err(format!("{name}: took {took:?}")) } else { Ok(()) }
    }
}

/// Whether the line that a problem shows is the line of its file, and no problem lacks one that has a
/// line.
fn is_placed(problem: &Problem, given: Option<(&Path, &str)>) -> bool {
    let Some(place) = &problem.place else {
        let whole = ["wait for each other", "not UTF-8", "os error", "file is not Python"];
        return whole.iter().any(|known| problem.message.contains(known));
    };
    let text = match given {
        Some((path, text)) if path == problem.path => text.to_owned(),
        _ => fs::read_to_string(&problem.path).unwrap(),
    };
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let text = if text.ends_with('\n') { text } else { text + "\n" };
    let line = text.split('\n').nth(place.line - 1);
    line.is_some_and(|line| line.trim_end() == place.text)
}

/// Converts `path`, and reads what is written.
fn convert(library: &Library, path: &Path) -> Result<(), Problem> {
    let source = library.load(path)?;
    outline::classes(&source);
    outline::exports(&source);
    outline::tables(&source);
    modular::levels(library, &[path.to_owned()])?;
    modular::inputs(library, path)?;
    for file in modular::convert(library, path)? {
        assert!(!file.text.is_empty());
    }
    Ok(())
}

/// Every modular file of a mutated fixture, all but its first file as it was.
fn mutate_fixtures(seeds: std::ops::Range<u64>, tally: &mut Tally) -> Vec<String> {
    let fixtures = Fixture::all();
    let mut wrong = Vec::new();
    for number in seeds {
        let mut seed = Seed(number);
        let fixture = &fixtures[seed.below(fixtures.len())];
        let mut files = fixture.files();
        let which = seed.below(files.len());
        files[which].1 = mutate(&files[which].1, &mut seed);
        let text = files[which].1.clone();
        let models = Models::new(None, files);
        for path in &models.modular_files {
            let name = format!("seed {number} of {}", fixture.path.display());
            let ended = tally.count(&name, None, || convert(&models.library, path));
            wrong.extend(ended.err().map(|wrong| format!("{wrong}\n{text}")));
        }
    }
    wrong
}

#[test]
fn mutated_fixtures_convert_or_are_refused_with_a_place() {
    let mut tally = Tally::default();
    let wrong = mutate_fixtures(0..1500, &mut tally);
    assert!(wrong.is_empty(), "{} wrong; the first: {}", wrong.len(), wrong[0]);
    // Mutants that all fail at once would show nothing.
    assert!(tally.mutants / 5 < tally.converted && tally.mutants / 20 < tally.refused, "{tally:?}");
}

#[test]
fn sources_of_odd_shapes_convert_or_are_refused_with_a_place() {
    let old = "class OldModel:\n    x = 1\n\n    def f(self):\n        return 1\n";
    let deep = |open: &str, close: &str| {
        let levels = if open == "(" { 100_000 } else { 20_000 };
        format!("x = {}{}\n", open.repeat(levels), close.repeat(levels))
    };
    let indented = (0..300).fold(String::new(), |text, n| text + &" ".repeat(n) + "if x:\n");
    let child = "from ..old.modeling_old import OldModel\n\n\nclass NewModel(OldModel):\n";
    let shapes = [
        String::new(),
        "\n".into(),
        "\0".into(),
        "\u{feff}".into(),
        "#".into(),
        "\\".into(),
        ";".into(),
        "class A".into(),
        "class A: pass".into(),
        "class A:\n\tpass\n        x = 1".into(),
        deep("(", ")"),
        deep("[", ""),
        deep("-", ""),
        deep("f(", ")"),
        deep("lambda: ", ""),
        deep("{1: ", "}"),
        deep("a.", ""),
        deep("f\"{", "}\""),
        deep("t'''{", ""),
        deep("match ", ""),
        deep("with (", ""),
        format!("{indented}{}pass\n", " ".repeat(300)),
        format!("x = \"{}\"\n", "a".repeat(1_000_000)),
        format!("x = [{}]\n", "old, ".repeat(200_000)),
        format!("# {}\nx = )\n", "old ".repeat(500_000)),
        "x = 1\n".repeat(50_000),
        "x = 1; ".repeat(50_000),
        format!("{child}    def f(self): return super().f(); x = 1"),
        format!("{child}    x = AttributeError(); y = 2"),
        format!("{child}    def f(self): super().f(); self.x = 1\n"),
        format!("{child}    def f(self): \\\n        return super().f()\n"),
        format!("{child}    {}\n", "@a\n    ".repeat(10_000) + "def f(self): pass"),
        format!("{child}    def f({}): pass\n", "a, ".repeat(20_000)),
        "from ..new.modeling_new import NewModel\n\n\nclass NewModel(NewModel):\n    pass\n".into(),
        "from ..old.modeling_old import OldModel\n\n\nclass (OldModel): pass\n".into(),
        "from ..old.modeling_old import OldModel\n\n\nclass Old(OldModel): pass\n".into(),
        "from ..old.modeling_old import OldModel\n\n\nclass NewModel(OldModel, OldModel): pass\n"
            .into(),
    ];
    let mut tally = Tally::default();
    let new = format!("{child}    pass\n");
    let mut wrong = Vec::new();
    for (number, shape) in shapes.iter().enumerate() {
        // The shape is the modular file, then its parent, then what it writes already.
        for (place, modular, parent) in [("modular", shape.as_str(), old), ("parent", &new, shape)]
        {
            let files = [
                ("old/modeling_old.py", parent.to_owned()),
                ("new/modeling_new.py", shape.clone()),
                ("new/modular_new.py", modular.to_owned()),
            ];
            let models = Models::new(None, files);
            let name = format!("shape {number} as {place}");
            let path = models.modular_files[0].clone();
            let small = std::thread::Builder::new().stack_size(512 << 10);
            let ended = std::thread::scope(|scope| {
                let work = || tally.count(&name, None, || convert(&models.library, &path));
                small.spawn_scoped(scope, work).unwrap().join().unwrap()
            });

            wrong.extend(ended.err());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_table_of_model_types_of_any_shape_is_read_or_refused() {
    for table in [
        "CONFIG_MAPPING_NAMES = 1\n",
        "CONFIG_MAPPING_NAMES = x = {}\n",
        "CONFIG_MAPPING_NAMES.update(\n",
        "CONFIG_MAPPING_NAMES = {\"\": \"\", \"é-é\": \"Config\"}\n",
        &format!("CONFIG_MAPPING_NAMES = {}1{}\n", "f(".repeat(900), ")".repeat(900)),
        &format!("CONFIG_MAPPING_NAMES = {}1{}\n", "f(".repeat(9000), ")".repeat(9000)),
        &format!("if x:\n  T = {}1{}\n", "O([(\"a\", ".repeat(300), ")])".repeat(300)),
    ] {
        let models =
            Models::new(None, [("new/modular_new.py", "class NewModel: pass\n".to_owned())]);
        let path = models.library.models().join("auto/configuration_auto.py");
        fs::write(&path, table).unwrap();
        let mut tally = Tally::default();
        let ended = tally.count(table, None, || {
            let library = Library::open(models.library.package())?;
            outline::tables(&*library.load(&path)?);
            convert(&library, &models.modular_files[0])
        });
        assert_eq!(ended, Ok(()));
    }
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let models = Models::new(None, [("new/modular_new.py", String::new())]);
    let path = &models.modular_files[0];
    fs::write(path, b"x = 1\n\xff\n").unwrap();
    let problem = modular::convert(&models.library, path).unwrap_err();
    assert_eq!(problem.message, "not UTF-8 from byte 6");
}

#[test]
fn byte_order_marks_and_line_ends_are_read_as_python_reads_them() {
    let source = Source::parse("a.py", "\u{feff}x = 1\r\ny = '''\r'''\rz = 2").unwrap();
    assert_eq!(source.text(), "x = 1\ny = '''\n'''\nz = 2\n");
}

#[test]
fn what_nests_too_deep_is_refused_at_its_place() {
    let text = format!("x = 1\ny = {}\n", "(".repeat(100_000));
    let problem = Source::parse("a.py", text).unwrap_err();
    let place = problem.place.as_ref().unwrap();
    assert_eq!((place.line, place.column), (2, 1005));
    assert_eq!(problem.message, "nests deeper than 1000 levels");
    assert!(problem.to_string().lines().all(|line| line.chars().count() < 220));
}

/// The transformers that the engines run, or the one that is named; where there is neither, says so.
fn installed() -> Option<PathBuf> {
    let named = std::env::var_os("PORTWRIGHT_TRANSFORMERS").map(PathBuf::from);
    let cache = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/portwright"));
    let engines = cache.into_iter().flat_map(|cache| fs::read_dir(cache).into_iter().flatten());
    let packages = engines.flatten().flat_map(|engine| {
        let libraries = fs::read_dir(engine.path().join("lib")).into_iter().flatten();
        libraries.flatten().map(|it| it.path().join("site-packages/transformers"))
    });
    let found = named.into_iter().chain(packages).find(|it| it.join("models/auto").is_dir());
    if found.is_none() {
        println!("skipped: no transformers is installed");
    }
    found
}

/// Mutates real modular files, and files that they inherit from, until `enough`.
fn mutate_real(package: &Path, enough: impl Fn(&Tally) -> bool) -> (Tally, Vec<String>) {
    let whole = Library::open(package).unwrap();
    let files = whole.modular_files().unwrap();
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let mut library = None;
    while !enough(&tally) {
        let number = u64::try_from(tally.mutants).unwrap();
        let mut seed = Seed(number);
        // Parsed files are kept for a while, the mutated one is put back.
        if number.is_multiple_of(500) {
            library = None;
        }
        let library = library.get_or_insert_with(|| Library::open(package).unwrap());
        let path = &files[seed.below(files.len())];
        let inputs = modular::inputs(library, path).unwrap();
        let target = inputs.get(seed.below(2 * inputs.len().max(1))).unwrap_or(path);
        let original = library.load(target).unwrap();
        let text = mutate(original.text(), &mut seed);
        let name = format!("seed {number}: {} of {}", target.display(), path.display());
        let ended = tally.count(&name, Some((target, &text)), || {
            library.put(Source::parse(target, text.as_str())?);
            convert(library, path)
        });
        library.put(Arc::clone(&original));
        wrong.extend(ended.err());
    }
    (tally, wrong)
}

#[test]
fn mutated_real_files_convert_or_are_refused_with_a_place() {
    let Some(package) = installed() else { return };
    let (tally, wrong) = mutate_real(&package, |tally| 60 <= tally.mutants);
    assert!(wrong.is_empty(), "{tally:?}\n{}", wrong.join("\n"));
}

/// As above for a minute (`PORTWRIGHT_FUZZ_SECONDS` says otherwise), fixtures as well.
#[test]
#[ignore = "takes a minute: cargo test -p portwright-source --test modular -- --ignored --nocapture"]
fn many_mutants_convert_or_are_refused_with_a_place() {
    let seconds = std::env::var("PORTWRIGHT_FUZZ_SECONDS").ok().and_then(|it| it.parse().ok());
    let limit = Duration::from_secs(seconds.unwrap_or(60));
    let mut fixtures = Tally::default();
    let mut wrong = mutate_fixtures(10_000..30_000, &mut fixtures);
    println!("fixtures: {fixtures:?}");
    if let Some(package) = installed() {
        let start = Instant::now();
        let (real, more) = mutate_real(&package, |_| limit < start.elapsed());
        println!("real files: {real:?}");
        wrong.extend(more);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
