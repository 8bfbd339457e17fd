//! One definition in one mode: every case beside the reference, and in exact mode beside itself with
//! its operations in another order.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use portwright_runtime::{Limits, Machine, Options, Package, Precision, Sources, Tensor};
use serde_json::{Map, Value, json};

use crate::{
    Arguments, Failure, Mode,
    comparison::{bound, difference, kept, tensors},
    plain,
};

/// In exact mode another order of the same operations may change so much.
const REORDERED: f64 = 1e-9;

struct Session<'a> {
    machine: Machine,
    config: Value,
    case: &'a Value,
}

impl Session<'_> {
    fn open(&self, handle: &str, mode: Mode) -> Result<Value, Failure> {
        let dtype = if mode == Mode::Exact { "float32" } else { mode.name() };
        let request = json!({
            "handle": handle, "config": self.config, "dtype": dtype, "attention": "eager",
        });
        Ok(self.machine.call("portwright.session", "open_model", &request)?.value)
    }

    fn logits(&self, handle: &str, request: &Value) -> Result<Tensor, Failure> {
        let mut request = request.clone();
        request["handle"] = json!(handle);
        let answer = self.machine.call("portwright.session", "forward", &request)?;
        let logits = answer.tensors.into_iter().find(|it| it.0 == "logits");
        Ok(logits.ok_or("the forward handed no logits over")?.1)
    }

    /// The cases by name: the full forward and what the reference ran beside it.
    fn requests(&self) -> Vec<(String, Value)> {
        let given = self.case["modes"].as_object().cloned().unwrap_or_else(Map::new);
        let mut cases = vec![("full".to_owned(), json!({}))];
        cases.extend(given);
        for (_, request) in &mut cases {
            request["tokens"] = self.case["tokens"].clone();
        }
        cases
    }
}

/// The cell of a definition and a mode; `row` gets what is the same in every mode.
pub(crate) fn run(
    arguments: &Arguments,
    name: &str,
    mode: Mode,
    row: &mut Value,
) -> Result<Value, Failure> {
    let folder = arguments.references.join(name);
    let read = |file: &str| -> Result<Value, Failure> {
        Ok(serde_json::from_str(&fs::read_to_string(folder.join(file))?)?)
    };
    let case = read("case.json")?;
    let reference = tensors(&folder.join("reference.safetensors"))?;
    let machine = machine(arguments, mode)?;
    machine.open_weights(vec![folder.join("model.safetensors")])?;
    let session = Session { machine, config: read("config.json")?, case: &case };
    let begun = Instant::now();
    let opened = session.open("m", mode)?;
    println!("        {name} opened in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    row["class"] = opened["class"].clone();
    row["file"] = json!(plain(arguments, opened["file"].as_str().unwrap_or_default()));
    let (mut figures, mut notes, mut found) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for (case_name, request) in session.requests() {
        let wanted = expected(&reference, &case_name, mode, &request)?;
        let Some(expected) = wanted else {
            notes.push(format!("{case_name}: PyTorch has no numbers"));
            continue;
        };
        let logits = session.logits("m", &request).map_err(|it| format!("{case_name}: {it}"))?;
        let figure = difference(expected, &logits, kept(&request).as_deref())?;
        figures.insert(case_name.clone(), figure.unwrap_or(f64::INFINITY));
        found.insert(case_name, logits);
    }
    let worst = figures.values().copied().fold(0.0, f64::max);
    let bound = bound(&reference, mode)?;
    let mut cell = json!({
        "verdict": "pass", "worst": rounded(worst), "bound": rounded(bound),
        "figures": figures.iter().map(|(k, v)| (k.clone(), rounded(*v))).collect::<Map<_, _>>(),
    });
    let mut reasons = Vec::new();
    if figures.is_empty() {
        cell["verdict"] = json!("not run");
        cell["worst"] = Value::Null;
    } else if bound < worst {
        let ties = ties(&session)?;
        reasons.push(format!("differs by {worst:.1e}, the bound is {bound:.1e}{ties}"));
    }
    if mode == Mode::Exact {
        let figure = reordered(&session, &found, &mut cell, &mut notes)?;
        if REORDERED < figure {
            reasons.push(format!("another order of operations changes it by {figure:.1e}"));
        }
    }
    if mode == Mode::Float32 && case["greedy"].is_array() {
        let parted = greedy(&session)?;
        cell["greedy"] = json!(if parted.is_none() { "equal" } else { "different" });
        reasons.extend(parted);
    }
    if !reasons.is_empty() {
        cell["verdict"] = json!("fail");
    }
    reasons.extend(notes);
    if !reasons.is_empty() {
        cell["reason"] = json!(reasons.join("; "));
    }
    Ok(cell)
}

/// Where the greedy ids part from the reference's, and how far apart the two logits are there.
fn greedy(session: &Session<'_>) -> Result<Option<String>, Failure> {
    let prompt = &session.case["tokens"][0];
    let request = json!({"handle": "m", "prompt": prompt, "max_new_tokens": 16});
    let answer = session.machine.call("portwright.session", "generate", &request)?;
    let ids = |it: &Value| -> Vec<usize> {
        let ids = it.as_array().into_iter().flatten().filter_map(Value::as_u64);
        ids.filter_map(|it| usize::try_from(it).ok()).collect()
    };
    let (ours, theirs) = (ids(&answer.value["ids"]), ids(&session.case["greedy"]));
    if ours == theirs {
        return Ok(None);
    }
    let step = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let (Some(&a), Some(&b), Some((_, logits))) =
        (ours.get(step), theirs.get(step), answer.tensors.first())
    else {
        return Ok(Some(format!("{} greedy ids, the reference has {}", ours.len(), theirs.len())));
    };
    let vocab = logits.shape().last().copied().unwrap_or(0);
    let row = logits.to_f64_vec()?;
    let row = row.get(step * vocab..(step + 1) * vocab).unwrap_or_default();
    let gap = row.get(a).zip(row.get(b)).map_or(f64::NAN, |(a, b)| a - b);
    Ok(Some(format!("greedy ids part at step {} by logits {gap:.1e} apart", step + 1)))
}

/// What is known of choices among equals, where a definition differs.
fn ties(session: &Session<'_>) -> Result<String, Failure> {
    let mut count = 0;
    for (_, mut request) in session.requests() {
        request["handle"] = json!("m");
        request["ties"] = json!(true);
        let answer = session.machine.call("portwright.session", "forward", &request)?;
        count += answer.value["ties"].as_u64().unwrap_or(0);
    }
    let note = format!(" (in {count} places a top-k chose among equals)");
    Ok(if count == 0 { String::new() } else { note })
}

fn machine(arguments: &Arguments, mode: Mode) -> Result<Machine, Failure> {
    let package =
        Package { name: "transformers".to_owned(), folder: arguments.transformers.clone() };
    let sources = Sources {
        dialect: "torch".to_owned(),
        packages: vec![package],
        overlay: arguments.overlay.clone(),
    };
    let precision = if mode == Mode::Exact { Precision::Exact } else { Precision::Native };
    let limits = Limits { wall: Duration::from_mins(2), ..Limits::default() };
    let cache = arguments.cache.clone();
    Ok(Machine::start(Options { sources, limits, precision, cache })?)
}

/// What the reference computed for a case. Exact mode is held against PyTorch's 64 bits, and where
/// those overflow a mask that the definition makes in 32, against its 32.
fn expected<'a>(
    reference: &'a BTreeMap<String, Tensor>,
    case: &str,
    mode: Mode,
    request: &Value,
) -> Result<Option<&'a Tensor>, Failure> {
    let dtypes: &[&str] = match mode {
        Mode::Exact => &["float64", "float32"],
        _ => &[mode.name()],
    };
    for dtype in dtypes {
        if let Some(it) = reference.get(&format!("{case}.{dtype}"))
            && difference(it, it, kept(request).as_deref())?.is_some()
        {
            return Ok(Some(it));
        }
    }
    Ok(None)
}

/// The full forward beside the same with every sum in another order; decoding token by token is one
/// order more, unless the definition decodes with other numbers than it reads a text with.
fn reordered(
    session: &Session<'_>,
    found: &BTreeMap<String, Tensor>,
    cell: &mut Value,
    notes: &mut Vec<String>,
) -> Result<f64, Failure> {
    let Some(full) = found.get("full") else { return Ok(0.0) };
    let request = json!({"tokens": session.case["tokens"], "other_order": true});
    let sums = session.logits("m", &request)?;
    let mut worst = difference(full, &sums, None)?.unwrap_or(f64::INFINITY);
    let mut orders = vec!["sums"];
    if let Some(decode) = found.get("decode") {
        let figure = difference(full, decode, None)?.unwrap_or(f64::INFINITY);
        if figure <= REORDERED {
            worst = worst.max(figure);
            orders.push("decode");
        } else {
            notes.push(format!("decoding differs from the full forward by {figure:.1e}"));
        }
    }
    cell["reordered"] = rounded(worst);
    cell["orders"] = json!(orders);
    Ok(worst)
}

/// A figure with two digits, so that the table changes when a figure does.
fn rounded(figure: f64) -> Value {
    format!("{figure:.1e}").parse::<f64>().map_or(Value::Null, |it| json!(it))
}
