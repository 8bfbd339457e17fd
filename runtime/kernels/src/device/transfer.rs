//! Elements between the host and a device.

use candle_core::{DType as Kind, Device as Handle, Tensor as Flat};

use super::ledger;
use crate::{
    dtype::Physical,
    element::Element,
    error::{KernelError, Result, fail},
    storage::{Data, typed},
};

/// Candle's name of a type; `None` for those that it lacks.
pub(crate) fn kind(physical: Physical) -> Option<Kind> {
    Some(match physical {
        Physical::U8 => Kind::U8,
        Physical::I8 | Physical::U16 | Physical::U32 | Physical::U64 => return None,
        Physical::I16 => Kind::I16,
        Physical::I32 => Kind::I32,
        Physical::I64 => Kind::I64,
        Physical::F16 => Kind::F16,
        Physical::BF16 => Kind::BF16,
        Physical::F32 => Kind::F32,
        Physical::F64 => Kind::F64,
    })
}

/// An error of candle's as one of ours.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(crate) fn failed(error: candle_core::Error) -> KernelError {
    KernelError::Runtime(format!("candle: {error}"))
}

macro_rules! with_kind {
    ($physical:expr, $T:ident => $body:expr) => {
        match $physical {
            Physical::U8 => {
                type $T = u8;
                $body
            }
            Physical::I64 => {
                type $T = i64;
                $body
            }
            Physical::F16 => {
                type $T = half::f16;
                $body
            }
            Physical::BF16 => {
                type $T = half::bf16;
                $body
            }
            Physical::F32 => {
                type $T = f32;
                $body
            }
            Physical::F64 => {
                type $T = f64;
                $body
            }
            other => fail!(Unsupported, "elements of type {other:?} on a device"),
        }
    };
}

pub(crate) fn upload(host: &Data, physical: Physical, device: &Handle) -> Result<Flat> {
    with_kind!(physical, T => {
        let values = typed::<T>(host)?;
        ledger::count(|it| it.uploaded += (values.len() * physical.size()) as u64);
        Flat::from_slice(values, values.len(), device).map_err(failed)
    })
}

pub(crate) fn download(flat: &Flat, physical: Physical) -> Result<Data> {
    let bytes = flat.elem_count() * physical.size();
    ledger::count(|it| it.downloaded += bytes as u64);
    with_kind!(physical, T => {
        let values = flat.to_vec1::<T>().map_err(failed)?;
        Ok(<T as Element>::wrap(values))
    })
}
