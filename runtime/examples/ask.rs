//! Asks one machine, for work on a dialect: `ask DIALECT [--overlay FOLDER] [--package NAME=FOLDER]...
//! [--exact]`, then one JSON request a line on stdin:
//! `{"module": ..., "function": ..., "request": ..., "weights": [FILE...], "out": FILE}`.
//!
//! The overlay is a folder with `shared`, the dialect and `session` that takes the place of the frozen
//! ones, so that Python is tried without a build. Answers are JSON lines; `out` gets the tensors.

use std::{
    collections::HashMap,
    error::Error,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use portwright_runtime::{Limits, Machine, Options, Package, Precision, Sources, Tensor};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let machine = Machine::start(options(std::env::args().skip(1))?)?;
    for line in io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        let start = Instant::now();
        let answer = match ask(&machine, &message) {
            Ok(answer) => answer,
            Err(error) => json!({"error": error.to_string(), "detail": format!("{error:?}")}),
        };
        let mut stdout = io::stdout().lock();
        writeln!(
            stdout,
            "{}",
            json!({"answer": answer, "seconds": start.elapsed().as_secs_f64()})
        )?;
    }
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let dialect =
        arguments.next().ok_or("ask DIALECT [--overlay FOLDER] [--package NAME=FOLDER]")?;
    let mut options = Options {
        sources: Sources { dialect, ..Sources::default() },
        limits: Limits::default(),
        ..Options::default()
    };
    while let Some(flag) = arguments.next() {
        if flag == "--exact" {
            options.precision = Precision::Exact;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
        match flag.as_str() {
            "--overlay" => options.sources.overlay = Some(value.into()),
            "--cache" => options.cache = Some(value.into()),
            "--package" => {
                let (name, folder) = value.split_once('=').ok_or("a package is NAME=FOLDER")?;
                let package = Package { name: name.to_owned(), folder: folder.into() };
                options.sources.packages.push(package);
            }
            _ => return Err(format!("no option `{flag}`").into()),
        }
    }
    Ok(options)
}

fn ask(machine: &Machine, message: &Value) -> Result<Value, Box<dyn Error>> {
    let text = |key: &str| message[key].as_str().ok_or_else(|| format!("no `{key}`"));
    if let Some(files) = message["weights"].as_array() {
        let files = files.iter().filter_map(|it| it.as_str().map(PathBuf::from)).collect();
        machine.open_weights(files)?;
    }
    let answer = machine.call(text("module")?, text("function")?, &message["request"])?;
    if let Some(path) = message["out"].as_str() {
        write(Path::new(path), &answer.tensors)?;
    }
    Ok(json!({"value": answer.value, "printed": answer.printed}))
}

fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), Box<dyn Error>> {
    let wide: Vec<(&str, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, it)| {
            let values = it.to_f64_vec()?;
            let bytes = values.iter().flat_map(|it| it.to_le_bytes()).collect();
            Ok((name.as_str(), it.shape(), bytes))
        })
        .collect::<Result<_, portwright_runtime::KernelError>>()?;
    let views: HashMap<&str, TensorView<'_>> = wide
        .iter()
        .map(|(name, shape, bytes)| {
            Ok((*name, TensorView::new(Dtype::F64, shape.to_vec(), bytes)?))
        })
        .collect::<Result<_, safetensors::SafeTensorError>>()?;
    safetensors::serialize_to_file(views, None, path)?;
    Ok(())
}
