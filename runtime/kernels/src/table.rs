//! The table of all kernels: one list, put together from the families.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::LazyLock,
};

use crate::{
    call::Call,
    device::dispatch,
    error::{KernelError, Result},
    profile::timed,
    value::Value,
};

/// One operation with PyTorch's semantics.
#[derive(Debug)]
pub struct Kernel {
    /// PyTorch's name; a trailing underscore means that the first argument is written to.
    pub name: &'static str,
    /// The signature in words, by position.
    pub doc: &'static str,
    pub run: fn(&Call) -> Result<Value>,
}

impl Kernel {
    pub(crate) const fn new(
        name: &'static str,
        run: fn(&Call) -> Result<Value>,
        doc: &'static str,
    ) -> Self {
        Self { name, doc, run }
    }

    /// Runs the kernel; its errors carry its name. A panic of ours ends here as an error.
    pub fn call(&self, args: &[Value]) -> Result<Value> {
        let call = Call::new(args);
        match catch_unwind(AssertUnwindSafe(|| timed(self.name, || dispatch::run(self, &call)))) {
            Ok(result) => result.map_err(|it| it.within(self.name)),
            Err(_) => Err(KernelError::Unsupported(format!(
                "{}: the kernel failed on arguments that it should have refused",
                self.name
            ))),
        }
    }
}

/// The families, in the order of their files.
const FAMILIES: &[&[&[Kernel]]] = &[
    crate::attention::KERNELS,
    crate::binary::KERNELS,
    crate::cast::KERNELS,
    crate::compare::KERNELS,
    crate::complex::KERNELS,
    crate::conv::KERNELS,
    crate::create::KERNELS,
    crate::einsum::KERNELS,
    crate::fourier::KERNELS,
    crate::index::KERNELS,
    crate::join::KERNELS,
    crate::linalg::KERNELS,
    crate::matmul::KERNELS,
    crate::pool::KERNELS,
    crate::random::KERNELS,
    crate::reduce::KERNELS,
    crate::resample::KERNELS,
    crate::scan::KERNELS,
    crate::scatter::KERNELS,
    crate::shape::KERNELS,
    crate::softmax::KERNELS,
    crate::sort::KERNELS,
    crate::unary::KERNELS,
    crate::windows::KERNELS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Kernel>> =
    LazyLock::new(|| kernels().map(|it| (it.name, it)).collect());

/// Every kernel, family by family.
pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
    FAMILIES.iter().copied().flatten().copied().flatten()
}

/// The kernel of that name.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    BY_NAME.get(name).copied()
}
