//! Every kernel against real PyTorch: `fixtures/torch.jsonl` holds its answers, `torch_cases.py`
//! makes them. Each case runs twice: natively, and in exact mode, where the nominal dtype must be
//! PyTorch's and the values must be as close as its own rounding allows.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

mod fixture;

use std::collections::BTreeMap;

use portwright_kernels::{
    Category, DType, Device, Precision, Settings, Tensor, Value, clear_device_ledger,
    device_kernels, device_ledger, enter, kernel, kernels,
};

use fixture::{Case, cases};

/// Kernels whose answers are random or which only a program of its own can test.
const ELSEWHERE: [&str; 14] = [
    "to_device",
    "bernoulli",
    "exponential_",
    "manual_seed",
    "multinomial",
    "normal_",
    "rand",
    "randint",
    "randn",
    "randperm",
    "uniform_",
    "broadcast_shapes",
    "from_list",
    "itemsize",
];

/// What PyTorch may differ by from a number that is right: a few roundings of its own type.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::BF16 => 2.0_f64.powi(-7),
        DType::F16 => 2.0_f64.powi(-10),
        DType::F32 | DType::C64 => 4e-6,
        _ => 1e-12,
    }
}

fn close(found: f64, wanted: f64, bound: f64) -> bool {
    found == wanted
        || (found.is_nan() && wanted.is_nan())
        || (found - wanted).abs() <= bound * wanted.abs().max(1.0)
}

/// A difference in words, or nothing.
fn differs(found: &Value, wanted: &Value, scale: f64) -> Option<String> {
    match (found, wanted) {
        (Value::Tensor(found), Value::Tensor(wanted)) => {
            if found.dtype() != wanted.dtype() || found.shape() != wanted.shape() {
                return Some(format!(
                    "{} {:?} where PyTorch has {} {:?}",
                    found.dtype(),
                    found.shape(),
                    wanted.dtype(),
                    wanted.shape()
                ));
            }
            values_differ(found, &wanted.to_f64_vec().unwrap(), scale)
        }
        (Value::List(found), Value::List(wanted)) => {
            if found.len() != wanted.len() {
                return Some(format!("{} results where PyTorch has {}", found.len(), wanted.len()));
            }
            found.iter().zip(wanted).find_map(|(a, b)| differs(a, b, scale))
        }
        (Value::Float(a), Value::Float(b)) => {
            (!close(*a, *b, 1e-12)).then(|| format!("{a} where PyTorch has {b}"))
        }
        (Value::Int(a), Value::Int(b)) if a == b => None,
        (Value::Bool(a), Value::Bool(b)) if a == b => None,
        (Value::DType(a), Value::DType(b)) if a == b => None,
        _ => Some(format!("{found:?} where PyTorch has {wanted:?}")),
    }
}

fn values_differ(found: &Tensor, wanted: &[f64], scale: f64) -> Option<String> {
    let bound = if found.dtype().category() < Category::Float {
        0.0
    } else {
        tolerance(found.dtype()) * scale
    };
    let values = found.to_f64_vec().unwrap();
    let worst = values.iter().zip(wanted).find(|(a, b)| !close(**a, **b, bound));
    worst.map(|(a, b)| format!("{a} where PyTorch has {b}, in {values:?} where it has {wanted:?}"))
}

/// How an answer of ours and of PyTorch's differ; `None` when they agree.
fn disagreement(case: &Case, precision: Precision, device: Device) -> Option<String> {
    let _scope = enter(Settings { precision, device, ..Settings::default() });
    let args = case.args();
    let found = kernel(&case.kernel).unwrap().call(&args);
    let scale = if precision == Precision::Exact { 4.0 } else { 1.0 };
    match (&found, case.out()) {
        (Err(_), None) => None,
        (Err(error), Some(_)) => Some(format!("refused: {error}")),
        (Ok(_), None) => Some(format!("answered where PyTorch raises {}", case.refused())),
        (Ok(found), Some(wanted)) => differs(found, &wanted, scale).or_else(|| {
            let wanted = case.after()?;
            let Value::Tensor(target) = &args[0] else { return None };
            values_differ(&fixture::whole_storage(target), &wanted, scale)
        }),
    }
}

fn sweep(precision: Precision, device: Device, skip: impl Fn(&Case) -> bool) {
    let mut counts: BTreeMap<(String, &'static str), [usize; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases().into_iter().filter(|it| !skip(it)) {
        let count = counts.entry((case.kernel.clone(), case.dtype())).or_default();
        count[1] += 1;
        match disagreement(&case, precision, device) {
            None => count[0] += 1,
            Some(text) => wrong.push(format!("{}: {text}\n    {}", case.kernel, case.line)),
        }
    }
    let total: usize = counts.values().map(|it| it[1]).sum();
    if std::env::var_os("KERNEL_COUNTS").is_some() {
        report(&counts);
    }
    assert!(total > 1000, "only {total} cases");
    assert!(wrong.is_empty(), "{} of {total} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

#[expect(clippy::print_stdout, reason = "asked for by the one who runs the test")]
fn report(counts: &BTreeMap<(String, &'static str), [usize; 2]>) {
    for ((kernel, dtype), [passed, total]) in counts {
        println!("{kernel}\t{dtype}\t{passed}/{total}");
    }
}

#[test]
fn every_kernel_answers_as_torch_does() {
    sweep(Precision::Native, Device::Cpu, |_| false);
}

/// What PyTorch overflows to, and what depends on a type's own bits, has no exact counterpart.
#[test]
fn exact_mode_has_torch_dtypes_and_its_values_unrounded() {
    sweep(Precision::Exact, Device::Cpu, fixture::Case::depends_on_rounding);
}

/// Candle's CPU backend stands for a GPU: the same code runs, elements cross between both sides, and
/// each version on the device must have answered a case itself.
#[test]
fn kernels_answer_alike_on_a_device() {
    clear_device_ledger();
    sweep(Precision::Native, Device::CandleCpu, |_| false);
    let rows = device_ledger();
    let ran = |name: &str| rows.iter().any(|it| it.kernel == name && it.on_device > 0);
    let idle: Vec<&str> = device_kernels().filter(|it| !ran(it) && !it.ends_with('_')).collect();
    assert!(idle.is_empty(), "no case was answered on the device by {idle:?}");
}

#[test]
fn exact_mode_is_alike_on_a_device() {
    sweep(Precision::Exact, Device::CandleCpu, fixture::Case::depends_on_rounding);
}

#[test]
fn every_kernel_is_asked() {
    let asked: std::collections::BTreeSet<String> =
        cases().into_iter().map(|it| it.kernel).collect();
    let missing: Vec<&str> = kernels()
        .map(|it| it.name)
        .filter(|it| !asked.contains(*it) && !ELSEWHERE.contains(it))
        .filter(|it| !it.ends_with('_') || !asked.contains(it.trim_end_matches('_')))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
