//! What our side takes: in a process of its own, so that its memory is its own.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use portwright_kernels::{start_profile, take_profile};
use portwright_runtime::{Limits, Machine, Options, Package, Sources};
use serde_json::{Value, json};

use super::{Arguments, Failure, PREFILL};

/// Runs [`measure`] in a process of its own.
pub(crate) fn in_a_process(arguments: &Arguments, folder: &Path) -> Result<Value, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args([&arguments.transformers, &arguments.python])
        .args(["--steps", &arguments.steps.to_string(), "--rounds", &arguments.rounds.to_string()])
        .env("BENCH_OURS", folder)
        .env("RAYON_NUM_THREADS", arguments.threads.to_string())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn machine(transformers: &Path, cache: Option<&Path>) -> Result<Machine, Failure> {
    let asking = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bench/asking");
    let packages = vec![
        Package { name: "transformers".to_owned(), folder: transformers.to_owned() },
        Package { name: "bench".to_owned(), folder: asking },
    ];
    let sources = Sources { dialect: "torch".to_owned(), packages, overlay: None };
    let limits = Limits { wall: Duration::from_mins(10), ..Limits::default() };
    let cache = cache.map(Path::to_owned);
    Ok(Machine::start(Options { sources, limits, cache, ..Options::default() })?)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Load, prefill and decode times of a checkpoint, the kernels' share of them, and the peak memory.
pub(crate) fn measure(arguments: &Arguments, folder: &Path) -> Result<Value, Failure> {
    let cache = tempfile::tempdir()?;
    let config: Value = serde_json::from_str(&fs::read_to_string(folder.join("config.json"))?)?;
    let steps = arguments.steps;
    let machine = machine(&arguments.transformers, Some(cache.path()))?;
    // The definition's import is measured by itself.
    machine.call("bench", "definition", &json!({}))?;
    let start = Instant::now();
    machine.open_weights(vec![folder.join("model.safetensors")])?;
    let request = json!({"handle": 1, "config": config, "attention": "sdpa"});
    machine.call("portwright.session", "open_model", &request)?;
    let load = milliseconds(start.elapsed());
    let vocabulary = config["vocab_size"].as_u64().unwrap_or(1);
    let prompt: Vec<u64> = (0..PREFILL as u64).map(|it| it * 7919 % vocabulary).collect();
    let generate = |steps: usize| -> Result<[Duration; 2], Failure> {
        let request = json!({"handle": 1, "prompt": prompt, "max_new_tokens": steps});
        let (start, busy) = (Instant::now(), processor_time());
        machine.call("portwright.session", "generate", &request)?;
        Ok([start.elapsed(), processor_time().saturating_sub(busy)])
    };
    let mut best = [f64::INFINITY; 5];
    for _ in 0..arguments.rounds {
        let prefill = generate(1)?.map(milliseconds);
        let all = generate(1 + steps)?.map(milliseconds);
        let request = json!({"handle": 1, "tokens": [[1, 2, 3, 4, 5, 6, 7, 8]]});
        let start = Instant::now();
        machine.call("portwright.session", "forward", &request)?;
        let forward = milliseconds(start.elapsed());
        let step = |idx: usize| (all[idx] - prefill[idx]) / steps as f64;
        let found = [prefill[0], step(0), forward, prefill[1], step(1)];
        for (best, value) in best.iter_mut().zip(found) {
            *best = best.min(value);
        }
    }
    let mut kernels = Vec::new();
    for count in [1, 1 + steps] {
        start_profile();
        let [total, _] = generate(count)?;
        let mut rows = take_profile();
        rows.sort_by_key(|it| std::cmp::Reverse(it.1.time));
        let inside: Duration = rows.iter().map(|it| it.1.time).sum();
        let shown = rows.iter().take(12);
        kernels.push(json!({
            "total": milliseconds(total),
            "kernels": milliseconds(inside),
            "slowest": shown
                .map(|it| json!([it.0, it.1.calls, milliseconds(it.1.time)]))
                .collect::<Vec<_>>(),
        }));
    }
    Ok(json!({
        "load": load,
        "prefill": best[0],
        "decode": best[1],
        "forward": best[2],
        "prefill_cpu": best[3],
        "decode_cpu": best[4],
        "peak_memory": peak(),
        "profile": {"prefill": kernels[0], "prefill_and_decode": kernels[1]},
    }))
}

/// What the process has kept processors busy for, where the system says so; a hundredth of a second
/// is the unit.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields behind the name, which may hold blanks itself: user and system time are 14 and 15.
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |idx: usize| fields.get(idx).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// The most memory that this process had at a time, in MiB, where the system says so.
fn peak() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

/// Machine start and import of the definition in this process.
pub(crate) fn import(transformers: &Path, cache: &Path) -> Result<Value, Failure> {
    let start = Instant::now();
    let machine = machine(transformers, Some(cache))?;
    let started = start.elapsed();
    machine.call("bench", "definition", &json!({}))?;
    let imported = start.elapsed().saturating_sub(started);
    Ok(json!({"machine": milliseconds(started), "import": milliseconds(imported)}))
}

/// The import in fresh processes: without compiled code, then with it, the best of several.
pub(crate) fn imports(arguments: &Arguments) -> Result<Value, Failure> {
    let cache = tempfile::tempdir()?;
    let fresh = || -> Result<Value, Failure> {
        let output = Command::new(std::env::current_exe()?)
            .args([&arguments.transformers, &arguments.python])
            .env("BENCH_IMPORT", cache.path())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let cold = fresh()?;
    let mut cached = f64::INFINITY;
    for _ in 0..5 {
        cached = cached.min(fresh()?["import"].as_f64().unwrap_or(f64::INFINITY));
    }
    Ok(json!({"machine": cold["machine"], "cold": cold["import"], "cached": cached}))
}
