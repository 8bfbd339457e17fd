//! What the fixture cannot ask of a device: that hot kernels stay there, and where operands may lie.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use portwright_kernels::{
    DType, Device, KernelError, LedgerRow, Settings, Tensor, Value, clear_device_ledger,
    device_ledger, enter, kernel,
};

fn on(device: Device) -> portwright_kernels::Scope {
    enter(Settings { device, ..Settings::default() })
}

fn call(name: &str, args: &[Value]) -> Tensor {
    match kernel(name).unwrap().call(args).unwrap() {
        Value::Tensor(it) => it,
        other => panic!("{name} gave {other:?}"),
    }
}

fn ints(values: &[i64]) -> Value {
    Value::List(values.iter().map(|it| Value::Int(*it)).collect())
}

/// Numbers that differ, of that shape.
fn numbers(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|it| (it as f64 * 0.37).sin()).collect();
    Tensor::from_f64(&values, shape, DType::F32).unwrap()
}

fn everything(row: &[LedgerRow]) -> (u64, Vec<&'static str>) {
    let left: Vec<_> = row.iter().filter(|it| it.on_host > 0).map(|it| it.kernel).collect();
    (row.iter().map(|it| it.downloaded).sum(), left)
}

/// One decoding step of one attention layer: projections, heads, a cache that is written in place,
/// attention, norm and the choice of a token.
fn step() -> Tensor {
    let tensor = |it: &Tensor| Value::Tensor(it.clone());
    let (x, weight) = (numbers(&[2, 1, 8]), numbers(&[8, 8]));
    let cache = call("zeros", &[ints(&[2, 2, 6, 4])]);
    let x = call("rms_norm", &[tensor(&x), ints(&[8]), tensor(&numbers(&[8])), Value::Float(1e-6)]);
    let heads = call("linear", &[tensor(&x), tensor(&weight)]);
    let heads = call("view", &[tensor(&heads), ints(&[2, 1, 2, 4])]);
    let heads = call("transpose", &[tensor(&heads), Value::Int(1), Value::Int(2)]);
    let half = Value::Slice(Some(0), Some(2), None);
    let rest = Value::Slice(Some(2), None, None);
    let part = |it: &Value| {
        call("getitem", &[tensor(&heads), Value::List(vec![Value::Ellipsis, it.clone()])])
    };
    let turned = call(
        "cat",
        &[
            Value::List(vec![
                Value::Tensor(call("neg", &[tensor(&part(&rest))])),
                tensor(&part(&half)),
            ]),
            Value::Int(-1),
        ],
    );
    let query = call("add", &[tensor(&heads), tensor(&turned)]);
    let whole = Value::Slice(None, None, None);
    let place = Value::List(vec![
        whole.clone(),
        whole.clone(),
        Value::Slice(Some(3), Some(4), None),
        whole.clone(),
    ]);
    kernel("setitem_").unwrap().call(&[tensor(&cache), place, tensor(&query)]).unwrap();
    let seen = Value::List(vec![whole.clone(), whole, Value::Slice(None, Some(4), None)]);
    let seen = call("getitem", &[tensor(&cache), seen]);
    let out = call("sdpa", &[tensor(&query), tensor(&seen), tensor(&seen)]);
    let out = call("transpose", &[tensor(&out), Value::Int(1), Value::Int(2)]);
    let out = call("reshape", &[tensor(&out), ints(&[2, 1, 8])]);
    let gate = call("mul", &[Value::Tensor(call("silu", &[tensor(&out)])), tensor(&out)]);
    call("argmax", &[tensor(&gate), Value::Int(-1)])
}

#[test]
fn a_decoding_step_stays_on_the_device() {
    let wanted = step();
    let _scope = on(Device::CandleCpu);
    clear_device_ledger();
    let found = step();
    let rows = device_ledger();
    assert_eq!(everything(&rows), (0, Vec::new()), "{rows:?}");
    assert_eq!(found.device(), Device::CandleCpu);
    assert_eq!(found.to_f64_vec().unwrap(), wanted.to_f64_vec().unwrap());
}

#[test]
fn what_leaves_the_device_is_counted_by_kernel() {
    let _scope = on(Device::CandleCpu);
    let x = call("exp", &[Value::Tensor(numbers(&[4, 4]))]);
    clear_device_ledger();
    call("cumsum", &[Value::Tensor(x), Value::Int(1)]);
    let rows = device_ledger();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].kernel, rows[0].on_host, rows[0].downloaded), ("cumsum", 1, 64));
}

#[test]
fn operands_on_two_devices_are_pytorchs_error() {
    let here = numbers(&[3]);
    let there = here.to_device(Device::CandleCpu).unwrap();
    let error = kernel("add")
        .unwrap()
        .call(&[Value::Tensor(here.clone()), Value::Tensor(there.clone())])
        .unwrap_err();
    let KernelError::Runtime(said) = error else { panic!("{error:?}") };
    assert!(said.contains("found at least two devices, cpu and candle-cpu!"), "{said}");
    // A number of the host's goes with any device, and a copy may cross.
    let two = call("full", &[ints(&[]), Value::Float(2.0)]);
    let sum = call("add", &[Value::Tensor(there.clone()), Value::Tensor(two)]);
    assert_eq!(sum.device(), Device::CandleCpu);
    call("copy_", &[Value::Tensor(there.clone()), Value::Tensor(here.clone())]);
    assert_eq!(there.to_f64_vec().unwrap(), here.to_f64_vec().unwrap());
}

#[test]
fn writes_show_in_every_view_on_both_sides() {
    let _scope = on(Device::CandleCpu);
    let x = numbers(&[2, 3]);
    let row = call("select", &[Value::Tensor(x.clone()), Value::Int(0), Value::Int(1)]);
    call("fill_", &[Value::Tensor(row.clone()), Value::Float(5.0)]);
    assert_eq!(x.to_f64_vec().unwrap()[3..], [5.0; 3]);
    // `cumsum` has read the host's side; a write on the device must make it stale.
    call("mul_", &[Value::Tensor(x), Value::Float(2.0)]);
    assert_eq!(row.to_f64_vec().unwrap(), [10.0; 3]);
}

#[test]
fn a_device_that_is_not_there_says_so() {
    let error = numbers(&[1]).to_device(Device::Cuda(0));
    if !cfg!(feature = "cuda") {
        let said = error.unwrap_err().to_string();
        assert!(said.contains("the device `cuda:0` cannot be opened"), "{said}");
    }
    assert!("tpu:0".parse::<Device>().is_err());
    assert_eq!("mps".parse::<Device>().unwrap(), Device::Metal(0));
}
