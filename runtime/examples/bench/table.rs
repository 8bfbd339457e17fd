//! The figures as people read them.

use std::fmt::Write;

use serde_json::{Value, json};

const ROWS: [(&str, &str); 7] = [
    ("load", "load [ms]"),
    ("prefill", "prefill of 512 tokens [ms]"),
    ("prefill_cpu", "the same in processor time"),
    ("decode", "decode, one token [ms]"),
    ("decode_cpu", "the same in processor time"),
    ("forward", "forward of 8 tokens [ms]"),
    ("peak_memory", "peak memory [MiB]"),
];

/// The better of two rounds, figure by figure.
pub(crate) fn best(first: &Value, second: &Value) -> Value {
    let mut out = first.clone();
    if let Some(fields) = out.as_object_mut() {
        for (name, value) in fields {
            let (a, b) = (value.as_f64(), second[name.as_str()].as_f64());
            if let (Some(a), Some(b)) = (a, b) {
                *value = json!(a.min(b));
            }
        }
    }
    out
}

/// A table of both sides with their ratio, and where our time goes.
pub(crate) fn render(result: &Value) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "float32, {} threads, attention sdpa\n", result["threads"]);
    let _ = writeln!(out, "{:12}{:30}{:>12}{:>12}{:>8}", "", "", "torch", "ours", "ratio");
    for name in ["large", "tiny"] {
        let (theirs, ours) = (&result[name]["torch"], &result[name]["ours"]);
        for (key, title) in ROWS {
            let (Some(a), Some(b)) = (theirs[key].as_f64(), ours[key].as_f64()) else { continue };
            let _ = writeln!(out, "{name:12}{title:30}{a:12.2}{b:12.2}{:8.2}", b / a);
        }
    }
    let import = &result["import"];
    let milliseconds = |it: &Value| it.as_f64().unwrap_or(f64::NAN);
    let _ = writeln!(
        out,
        "\nimport of the definition: {:.0} ms without compiled code, {:.0} ms with it; the machine starts in {:.0} ms; torch and its definition {:.0} ms",
        milliseconds(&import["cold"]),
        milliseconds(&import["cached"]),
        milliseconds(&import["machine"]),
        milliseconds(&result["large"]["torch"]["import"]),
    );
    for name in ["large", "tiny"] {
        for part in ["prefill", "prefill_and_decode"] {
            let profile = &result[name]["ours"]["profile"][part];
            let (total, inside) =
                (milliseconds(&profile["total"]), milliseconds(&profile["kernels"]));
            let _ = writeln!(
                out,
                "\n{name}, {part}: {total:.1} ms, of which kernels {inside:.1} ms and the interpreter {:.0} %",
                100.0 * (total - inside) / total
            );
            for row in profile["slowest"].as_array().into_iter().flatten() {
                let kernel = row[0].as_str().unwrap_or_default();
                let _ = writeln!(
                    out,
                    "  {kernel:24}{:8} calls {:10.2} ms",
                    row[1],
                    milliseconds(&row[2])
                );
            }
        }
    }
    out
}
