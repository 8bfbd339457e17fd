//! What a call of a kernel goes through: where its operands lie, and which version answers.

use super::{Device, ledger, lookup, norms, pointwise, products, sums};
use crate::{
    call::Call,
    context,
    error::{Result, fail},
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// A version of a kernel that stays on the device; `None` where the host's version must run.
pub(crate) type Version = fn(&Call) -> Result<Option<Value>>;

/// The versions by kernel, family by family.
const VERSIONS: &[&[(&str, Version)]] = &[
    lookup::VERSIONS,
    norms::VERSIONS,
    pointwise::ARITHMETIC,
    pointwise::COMPARISONS,
    pointwise::FUNCTIONS,
    pointwise::CHOICES,
    products::VERSIONS,
    sums::VERSIONS,
];

/// The kernels that have a version of their own on devices.
pub fn device_kernels() -> impl Iterator<Item = &'static str> {
    VERSIONS.iter().copied().flatten().map(|it| it.0)
}

fn version(kernel: &str) -> Option<Version> {
    VERSIONS.iter().copied().flatten().find(|it| it.0 == kernel).map(|it| it.1)
}

/// Kernels whose other operands may lie elsewhere than the first: indices, and what is copied.
const FIRST_DECIDES: [&str; 7] =
    ["copy_", "getitem", "setitem_", "index_put", "index_put_", "to_device", "set_data_"];

/// The device of a call's tensors; none when there is no tensor.
fn place(kernel: &str, args: &[Value]) -> Result<Option<Device>> {
    let mut found = None;
    let mut scalar = None;
    for arg in args {
        visit(arg, &mut |tensor| {
            let place = tensor.storage.place();
            if tensor.rank() == 0 && place == Device::Cpu {
                scalar = Some(place);
                return Ok(());
            }
            match found {
                None => found = Some(place),
                Some(it) if it == place || FIRST_DECIDES.contains(&kernel) => {}
                Some(it) => fail!(
                    Runtime,
                    "Expected all tensors to be on the same device, but found at least two \
                     devices, {it} and {place}!"
                ),
            }
            Ok(())
        })?;
    }
    Ok(found.or(scalar))
}

fn visit(value: &Value, see: &mut dyn FnMut(&Tensor) -> Result<()>) -> Result<()> {
    match value {
        Value::Tensor(it) => see(it),
        Value::List(items) => items.iter().try_for_each(|it| visit(it, see)),
        _ => Ok(()),
    }
}

/// Runs the version of the kernel for where its operands lie.
pub(crate) fn run(kernel: &Kernel, call: &Call) -> Result<Value> {
    let place = place(kernel.name, call.args())?;
    if place.unwrap_or_else(context::place) == Device::Cpu {
        return context::placed(place, || (kernel.run)(call));
    }
    context::placed(place, || {
        ledger::during(kernel.name, || {
            if let Some(version) = version(kernel.name) {
                match version(call) {
                    Ok(Some(answer)) => {
                        ledger::count(|it| it.on_device += 1);
                        return Ok(answer);
                    }
                    Ok(None) => {}
                    // The host's version answers, or fails with the error that PyTorch has.
                    Err(error) => ledger::count(|it| it.refused = Some(error.to_string())),
                }
            }
            (kernel.run)(call)
        })
    })
}
