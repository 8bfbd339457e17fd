//! Devices: where tensors lie, and the versions of kernels that run there on candle.
//!
//! Every kernel works on every device: a storage has a side in the host's memory and one on its
//! device (`storage`), and the host's version of a kernel reads the former. What is hot has a version
//! here that never leaves the device. A version answers `None` where its arguments are not what it
//! was made for; then the host's version runs, and the ledger says so.
//!
//! # Where to start
//!
//! [`dispatch::run`] is what a call goes through; `VERSIONS` there is the table. [`view`] turns our
//! strided windows into candle's tensors and writes through them, [`transfer`] moves elements,
//! [`ledger`] counts what ran where.
//!
//! # Invariants
//!
//! - A result's storage is shared with no other: every version ends in an operation that allocates.
//! - Half types are computed in `f32` and rounded once, as on the host.

pub(crate) mod dispatch;
pub(crate) mod ledger;
mod lookup;
mod norms;
mod pointwise;
mod products;
mod sums;
pub(crate) mod transfer;
pub(crate) mod view;

use std::{collections::HashMap, fmt, str::FromStr, sync::Mutex, sync::PoisonError};

use crate::{
    dtype::Physical,
    error::{KernelError, Result, fail},
};

/// Where a tensor's elements belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The host: our own kernels.
    #[default]
    Cpu,
    /// Candle's CPU backend, treated as a device of its own: what runs on a GPU can be tested
    /// without one.
    CandleCpu,
    /// An NVIDIA GPU by its ordinal; needs the feature `cuda`.
    Cuda(usize),
    /// An Apple GPU by its ordinal; needs the feature `metal`.
    Metal(usize),
}

/// Opened devices: each `open` of candle's would make a context of its own.
static OPENED: Mutex<Option<HashMap<Device, candle_core::Device>>> = Mutex::new(None);

impl Device {
    /// Candle's handle of the device.
    ///
    /// # Errors
    ///
    /// The device is not there, or its feature was not compiled in.
    pub(crate) fn open(self) -> Result<candle_core::Device> {
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.get_or_insert_with(HashMap::new);
        if let Some(it) = opened.get(&self) {
            return Ok(it.clone());
        }
        let device = match self {
            Self::Cpu | Self::CandleCpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(it) => candle_core::Device::new_cuda(it),
            Self::Metal(it) => candle_core::Device::new_metal(it),
        };
        let device = device.map_err(|error| {
            KernelError::Runtime(format!("the device `{self}` cannot be opened: {error}"))
        })?;
        opened.insert(self, device.clone());
        Ok(device)
    }

    /// Whether the device can be used here, with the reason where it cannot.
    ///
    /// # Errors
    ///
    /// The device is not there, or its feature was not compiled in.
    pub fn check(self) -> Result<()> {
        self.open().map(|_| ())
    }

    /// Whether the device's side of a storage can hold such elements; others stay on the host.
    pub(crate) fn holds(self, physical: Physical) -> bool {
        !matches!(
            (self, physical),
            (Self::Cpu, _)
                | (
                    _,
                    Physical::I8
                        | Physical::I16
                        | Physical::I32
                        | Physical::U16
                        | Physical::U32
                        | Physical::U64
                )
                | (Self::Metal(_), Physical::F64)
        )
    }

    /// The name without the ordinal, as `torch.device.type` has it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::CandleCpu => "candle-cpu",
            Self::Cuda(_) => "cuda",
            Self::Metal(_) => "metal",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cuda(it) | Self::Metal(it) => write!(f, "{}:{it}", self.kind()),
            _ => f.write_str(self.kind()),
        }
    }
}

impl FromStr for Device {
    type Err = KernelError;

    /// `cpu`, `cuda`, `cuda:1`, `metal`, also by PyTorch's name `mps`.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, ordinal) = text.split_once(':').unwrap_or((text, "0"));
        let device = ordinal.parse::<usize>().ok().and_then(|it| match (kind, it) {
            ("cpu", 0) => Some(Self::Cpu),
            ("candle-cpu", 0) => Some(Self::CandleCpu),
            ("cuda", it) => Some(Self::Cuda(it)),
            ("metal" | "mps", it) => Some(Self::Metal(it)),
            _ => None,
        });
        match device {
            Some(it) => Ok(it),
            None => fail!(
                Runtime,
                "Expected one of cpu, cuda, metal (mps) or candle-cpu as the device, with an \
                 ordinal where there are several, but got `{text}`"
            ),
        }
    }
}
