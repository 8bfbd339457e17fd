//! The table of the sweep, made of its data alone.

use std::fmt::Write;

use serde_json::Value;

pub(crate) const DATA: &str = "definitions.json";
pub(crate) const TABLE: &str = "definitions.md";

const HEAD: &str = "\
# Definitions on the embedded runtime

Every causal language model of transformers VERSION, run from its unmodified source on the embedded
runtime and compared with real PyTorch: a tiny random checkpoint, two rows of twelve tokens. The cases
are the full forward, prefill and decoding with the cache, and a left-padded batch; float32 also
generates 16 tokens greedily.

A figure is the largest difference of any logit over the standard deviation of the reference's. The
bound is four times what PyTorch errs against itself at the next precision; in float32, float64 and
exact mode it is never more than 1e-4. `reordered` is exact mode beside itself with the operations in
another order (every sum backwards or by halves, token by token): at most 1e-9 passes. `-`: not run.

Made by, with the engines' Python first and then the runtime's sweep:

```sh
python runtime/tests/reference.py REFERENCES
cargo run --release -p portwright-runtime --example sweep -- TRANSFORMERS REFERENCES docs/coverage
```

";

const MODES: [&str; 4] = ["float32", "bfloat16", "float64", "exact"];

/// How many definitions a mode's cells count with a verdict.
pub(crate) fn count(document: &Value, mode: &str, verdict: &str) -> usize {
    rows(document).filter(|it| it.1["modes"][mode]["verdict"] == verdict).count()
}

/// The rows by name.
pub(crate) fn rows(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["definitions"].as_object().into_iter().flatten()
}

/// The whole page.
pub(crate) fn render(document: &Value) -> String {
    let version = document["transformers"].as_str().unwrap_or("?");
    let mut page = HEAD.replace("VERSION", version);
    page.push_str("| mode | pass | fail | not run |\n|---|---|---|---|\n");
    let all = rows(document).count();
    for mode in MODES {
        let (pass, fail) = (count(document, mode, "pass"), count(document, mode, "fail"));
        let other = all - pass - fail;
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| {mode} | {pass} | {fail} | {other} |");
    }
    page.push_str(
        "\n| definition | float32 | bfloat16 | float64 | exact | reordered | greedy | why |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|---|\n");
    for (name, row) in rows(document) {
        let modes = &row["modes"];
        let cells: Vec<String> = MODES.iter().map(|it| cell(&modes[it])).collect();
        let reordered = modes["exact"]["reordered"].as_f64().map_or("-".into(), figure);
        let greedy = modes["float32"]["greedy"].as_str().unwrap_or("-");
        let cells = cells.join(" | ");
        let why = why(row);
        let _ = writeln!(page, "| `{name}` | {cells} | {reordered} | {greedy} | {why} |");
    }
    page
}

fn cell(cell: &Value) -> String {
    let figure = cell["worst"].as_f64().map_or_else(String::new, figure);
    match cell["verdict"].as_str() {
        Some("pass") => figure,
        Some("fail") => format!("**fail** {figure}").trim_end().to_owned(),
        _ => "-".to_owned(),
    }
}

fn figure(it: f64) -> String {
    format!("{it:.1e}")
}

/// What stands in the way, each reason with the modes that give it.
fn why(row: &Value) -> String {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    let modes = MODES.iter().filter_map(|it| Some((*it, row["modes"][it]["reason"].as_str()?)));
    for (mode, reason) in modes {
        match reasons.iter_mut().find(|it| it.0 == reason) {
            Some(known) => known.1.push(mode),
            None => reasons.push((reason.to_owned(), vec![mode])),
        }
    }
    let mut parts: Vec<String> =
        reasons.into_iter().map(|it| format!("{}: {}", it.1.join(", "), it.0)).collect();
    parts.extend(row["reason"].as_str().map(str::to_owned));
    parts.join("; ").replace('|', "/").replace('\n', " ")
}
