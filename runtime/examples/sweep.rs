//! Runs definitions on the machine and compares them with what real PyTorch computed: the folders
//! that `tests/reference.py` makes, one JSON row each.
//!
//! `sweep TRANSFORMERS REFERENCES OUT.json [--overlay DIR] [--dtype NAME]... [--exact] [NAME]...`

#![allow(clippy::print_stdout, reason = "a command's output")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use portwright_runtime::{
    Limits, Machine, Options, Package, Precision, RuntimeError, Sources, Tensor, open_safetensors,
};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    transformers: PathBuf,
    references: PathBuf,
    out: PathBuf,
    overlay: Option<PathBuf>,
    dtypes: Vec<String>,
    exact: bool,
    only: Vec<String>,
}

fn arguments() -> Result<Arguments, Failure> {
    let mut words = std::env::args().skip(1);
    let mut next = || words.next().ok_or("sweep TRANSFORMERS REFERENCES OUT.json [NAME]...");
    let (transformers, references, out) = (next()?.into(), next()?.into(), next()?.into());
    let mut it = Arguments {
        transformers,
        references,
        out,
        overlay: None,
        dtypes: Vec::new(),
        exact: false,
        only: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--overlay" => it.overlay = words.next().map(PathBuf::from),
            "--dtype" => it.dtypes.extend(words.next()),
            "--exact" => it.exact = true,
            _ => it.only.push(word),
        }
    }
    if it.dtypes.is_empty() {
        it.dtypes.push("float32".to_owned());
    }
    Ok(it)
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let mut names: Vec<String> = fs::read_dir(&arguments.references)?
        .flatten()
        .filter(|it| it.path().join("case.json").is_file())
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .filter(|it| arguments.only.is_empty() || arguments.only.contains(it))
        .collect();
    names.sort();
    let mut rows = Vec::new();
    let mut passed = 0;
    for name in &names {
        for dtype in &arguments.dtypes {
            let start = Instant::now();
            let row = match definition(&arguments, name, dtype) {
                Ok(row) => row,
                Err(error) => failed(&*error),
            };
            let mut row = row;
            row["name"] = json!(name);
            row["dtype"] = json!(dtype);
            row["seconds"] = json!(start.elapsed().as_secs_f64());
            let worst = row["worst"].as_f64().unwrap_or(f64::NAN);
            let reason = row["reason"].as_str().unwrap_or_default().replace('\n', " | ");
            passed += usize::from(row["verdict"] == "pass");
            println!(
                "{:5} {name} {dtype} {worst:.1e} {reason:.220}",
                row["verdict"].as_str().unwrap_or("?")
            );
            rows.push(row);
        }
    }
    println!("{passed} of {}", rows.len());
    fs::write(&arguments.out, serde_json::to_string_pretty(&rows)?)?;
    Ok(())
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Value {
    let mut row = json!({"verdict": "fail", "reason": error.to_string()});
    if let Some(RuntimeError::Raised(raised)) = error.downcast_ref::<RuntimeError>() {
        row["class"] = json!(raised.class);
        row["traceback"] = json!(raised.traceback);
    }
    row
}

fn definition(arguments: &Arguments, name: &str, dtype: &str) -> Result<Value, Failure> {
    let folder = arguments.references.join(name);
    let case: Value = serde_json::from_str(&fs::read_to_string(folder.join("case.json"))?)?;
    let config: Value = serde_json::from_str(&fs::read_to_string(folder.join("config.json"))?)?;
    let reference = tensors(&folder.join("reference.safetensors"))?;
    let started = Instant::now();
    let machine = Machine::start(Options {
        sources: Sources {
            dialect: "torch".to_owned(),
            packages: vec![Package {
                name: "transformers".to_owned(),
                folder: arguments.transformers.clone(),
            }],
            overlay: arguments.overlay.clone(),
        },
        limits: Limits { wall: Duration::from_mins(2), ..Limits::default() },
        precision: if arguments.exact { Precision::Exact } else { Precision::Native },
    })?;
    let start_seconds = started.elapsed().as_secs_f64();
    machine.open_weights(vec![folder.join("model.safetensors")])?;
    let opening = Instant::now();
    let opened = machine.call(
        "portwright.session",
        "open_model",
        &json!({"handle": "m", "config": config, "dtype": dtype, "attention": "eager"}),
    )?;
    let open_seconds = opening.elapsed().as_secs_f64();
    let mut row = json!({"open": opened.value, "printed": opened.printed});
    let mut figures = BTreeMap::new();
    let modes = std::iter::once(("full", json!({}))).chain(
        case["modes"].as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v.clone())),
    );
    let mut worst: f64 = 0.0;
    let mut reason = String::new();
    let mut times = BTreeMap::new();
    for (mode, mut request) in modes {
        let wanted = if arguments.exact { "float64" } else { dtype };
        let Some(expected) = reference.get(&format!("{mode}.{wanted}")) else { continue };
        request["handle"] = json!("m");
        request["tokens"] = case["tokens"].clone();
        let begun = Instant::now();
        match machine.call("portwright.session", "forward", &request) {
            Ok(answer) => {
                times.insert(mode.to_owned(), begun.elapsed().as_secs_f64());
                let logits = &answer.tensors[0].1;
                let rows = kept(&request);
                let error = error(expected, logits, rows.as_deref())?;
                figures.insert(mode.to_owned(), error);
                worst = if error.is_nan() { f64::NAN } else { worst.max(error) };
            }
            Err(error) => {
                figures.insert(mode.to_owned(), f64::NAN);
                worst = f64::NAN;
                if reason.is_empty() {
                    reason = format!("{mode}: {error}");
                    if let RuntimeError::Raised(raised) = &error {
                        row["traceback"] = json!(raised.traceback);
                    }
                }
            }
        }
    }
    let begun = Instant::now();
    machine
        .call(
            "portwright.session",
            "forward",
            &json!({"handle": "m", "tokens": [case["tokens"][0]]}),
        )
        .ok();
    times.insert("again".to_owned(), begun.elapsed().as_secs_f64());
    if dtype == "float32" && !arguments.exact && case["greedy"].is_array() {
        let request = json!({"handle": "m", "prompt": case["tokens"][0], "max_new_tokens": 16});
        match machine.call("portwright.session", "generate", &request) {
            Ok(answer) if answer.value["ids"] == case["greedy"] => row["greedy"] = json!("equal"),
            Ok(_) => row["greedy"] = json!("different"),
            Err(error) => row["greedy"] = json!(error.to_string()),
        }
    }
    let bound = bound(&reference, dtype)?;
    let pass = worst <= bound;
    if !pass && reason.is_empty() {
        reason = format!("differs: {figures:?}");
    }
    row["verdict"] = json!(if pass { "pass" } else { "fail" });
    row["worst"] = json!(worst);
    row["bound"] = json!(bound);
    row["figures"] = json!(figures);
    row["reason"] = json!(reason);
    row["start_seconds"] = json!(start_seconds);
    row["open_seconds"] = json!(open_seconds);
    row["times"] = json!(times);
    Ok(row)
}

/// Four times what the reference errs against itself one precision higher; in `f32` never more than
/// 1e-4 of the logits' standard deviation.
fn bound(reference: &BTreeMap<String, Tensor>, dtype: &str) -> Result<f64, Failure> {
    let (low, high) = match dtype {
        "bfloat16" => ("full.bfloat16", "full.float32"),
        _ => ("full.float32", "full.float64"),
    };
    let floor = match (reference.get(high), reference.get(low)) {
        (Some(high), Some(low)) => 4.0 * error(high, low, None)?,
        _ => 1e-4,
    };
    Ok(if dtype == "bfloat16" { floor } else { floor.min(1e-4) })
}

/// For a padded batch, the places of each row that hold tokens.
fn kept(request: &Value) -> Option<Vec<Vec<usize>>> {
    let lengths = request["lengths"].as_array()?;
    let total = request["tokens"][0].as_array()?.len();
    let left = request["padding"] == "left";
    Some(
        lengths
            .iter()
            .map(|it| {
                let length = usize::try_from(it.as_u64().unwrap_or(0)).unwrap_or(0);
                if left { (total - length..total).collect() } else { (0..length).collect() }
            })
            .collect(),
    )
}

/// The largest difference over the standard deviation of the reference.
fn error(expected: &Tensor, found: &Tensor, rows: Option<&[Vec<usize>]>) -> Result<f64, Failure> {
    if expected.shape() != found.shape() {
        let (a, b) = (expected.shape(), found.shape());
        return Err(format!("logits of shape {b:?}, the reference has {a:?}").into());
    }
    let (a, b) = (expected.to_f64_vec()?, found.to_f64_vec()?);
    let (length, vocab) = (expected.shape()[1], expected.shape()[2]);
    let mut pairs = Vec::new();
    for (place, (x, y)) in a.iter().zip(&b).enumerate() {
        let (row, column) = (place / vocab / length, place / vocab % length);
        if rows.is_none_or(|it| it[row].contains(&column)) {
            pairs.push((*x, *y));
        }
    }
    let numbers: Vec<f64> = pairs.iter().map(|it| it.0).filter(|it| it.is_finite()).collect();
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let std = (numbers.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count).sqrt();
    let std = if numbers.is_empty() { 1.0 } else { std };
    let mut worst: f64 = 0.0;
    for (x, y) in pairs {
        // Where the reference itself has no number, none is asked for.
        let same = x.total_cmp(&y).is_eq() || (x.is_nan() && y.is_nan());
        let difference = if same { 0.0 } else { (x - y).abs() };
        worst = if difference.is_nan() { f64::NAN } else { worst.max(difference) };
        if worst.is_nan() {
            break;
        }
    }
    Ok(worst / std)
}

fn tensors(path: &Path) -> Result<BTreeMap<String, Tensor>, Failure> {
    let file = open_safetensors(path)?;
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    names.into_iter().map(|it| Ok((it.clone(), file.tensor(&it, None)?))).collect()
}
