//! The types that storages hold, and how each widens for arithmetic.

use half::{bf16, f16};
use num_traits::Float;

use crate::{dtype::Physical, storage::Data};

/// A type that a storage can hold.
pub(crate) trait Element:
    bytemuck::Pod + PartialOrd + Default + Send + Sync + std::fmt::Debug
{
    const PHYSICAL: Physical;
    const IS_FLOAT: bool;
    const IS_F64: bool = false;

    fn slice(data: &Data) -> Option<&[Self]>;
    fn slice_mut(data: &mut Data) -> Option<&mut [Self]>;
    fn wrap(values: Vec<Self>) -> Data;

    fn as_i64(self) -> i64;
    fn as_f32(self) -> f32;
    fn as_f64(self) -> f64;
    fn from_i64(value: i64) -> Self;
    fn from_f32(value: f32) -> Self;
    fn from_f64(value: f64) -> Self;

    /// PyTorch's cast: C's, except that nothing is undefined.
    fn cast<T: Element>(self) -> T {
        if !Self::IS_FLOAT {
            T::from_i64(self.as_i64())
        } else if Self::IS_F64 {
            T::from_f64(self.as_f64())
        } else {
            T::from_f32(self.as_f32())
        }
    }
}

macro_rules! element {
    ($type:ty, $variant:ident, float: $float:literal, f64: $is_f64:literal,
     $to_i64:expr, $to_f32:expr, $to_f64:expr, $from_i64:expr, $from_f32:expr, $from_f64:expr) => {
        impl Element for $type {
            const PHYSICAL: Physical = Physical::$variant;
            const IS_FLOAT: bool = $float;
            const IS_F64: bool = $is_f64;

            fn slice(data: &Data) -> Option<&[Self]> {
                match data {
                    Data::$variant(values) => Some(values),
                    Data::Mapped(mapped) if mapped.physical == Self::PHYSICAL => mapped.slice(),
                    _ => None,
                }
            }

            fn slice_mut(data: &mut Data) -> Option<&mut [Self]> {
                match data {
                    Data::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn wrap(values: Vec<Self>) -> Data {
                Data::$variant(values)
            }

            #[inline]
            fn as_i64(self) -> i64 {
                $to_i64(self)
            }
            #[inline]
            fn as_f32(self) -> f32 {
                $to_f32(self)
            }
            #[inline]
            fn as_f64(self) -> f64 {
                $to_f64(self)
            }
            #[inline]
            fn from_i64(value: i64) -> Self {
                $from_i64(value)
            }
            #[inline]
            fn from_f32(value: f32) -> Self {
                $from_f32(value)
            }
            #[inline]
            fn from_f64(value: f64) -> Self {
                $from_f64(value)
            }
        }
    };
}

macro_rules! integer {
    ($type:ty, $variant:ident, $to_f32:expr, $to_f64:expr) => {
        element!(
            $type,
            $variant,
            float: false,
            f64: false,
            i64::from,
            $to_f32,
            $to_f64,
            |it: i64| it as $type,
            |it: f32| it as i64 as $type,
            |it: f64| it as i64 as $type
        );
    };
}

integer!(u8, U8, f32::from, f64::from);
integer!(i8, I8, f32::from, f64::from);
integer!(u16, U16, f32::from, f64::from);
integer!(u32, U32, |it: u32| it as f32, f64::from);
// Whole numbers meet as `i64`: those from 2^63 on wrap, and `cast` refuses to make floats of them.
element!(u64, U64, float: false, f64: false, |it: u64| it as i64, |it: u64| it as f32,
    |it: u64| it as f64, |it: i64| it as u64, |it: f32| it as i64 as u64, |it: f64| it as i64 as u64);
integer!(i16, I16, f32::from, f64::from);
integer!(i32, I32, |it: i32| it as f32, f64::from);
integer!(i64, I64, |it: i64| it as f32, |it: i64| it as f64);
element!(f16, F16, float: true, f64: false, |it: f16| it.to_f32() as i64, f16::to_f32, f16::to_f64,
    |it: i64| f16::from_f32(it as f32), f16::from_f32, |it: f64| f16::from_f32(it as f32));
element!(bf16, BF16, float: true, f64: false, |it: bf16| it.to_f32() as i64, bf16::to_f32, bf16::to_f64,
    |it: i64| bf16::from_f32(it as f32), bf16::from_f32, |it: f64| bf16::from_f32(it as f32));
element!(f32, F32, float: true, f64: false, |it: f32| it as i64, |it| it, f64::from,
    |it: i64| it as f32, |it| it, |it: f64| it as f32);
element!(f64, F64, float: true, f64: true, |it: f64| it as i64, |it: f64| it as f32, |it| it,
    |it: i64| it as f64, f64::from, |it| it);

/// A type with the one that kernels compute it in, a run at a time.
pub(crate) trait Computed: Element {
    type Wide: Element;

    /// The run itself where it needs no widening.
    fn as_wide(run: &[Self]) -> Option<&[Self::Wide]>;
    fn as_wide_mut(run: &mut [Self]) -> Option<&mut [Self::Wide]>;
    fn widened(self) -> Self::Wide;
    fn narrowed(value: Self::Wide) -> Self;
}

macro_rules! computed {
    (halves $($type:ty)*) => {$(
        impl Computed for $type {
            type Wide = f32;
            fn as_wide(_: &[Self]) -> Option<&[f32]> {
                None
            }
            fn as_wide_mut(_: &mut [Self]) -> Option<&mut [f32]> {
                None
            }
            #[inline]
            fn widened(self) -> f32 {
                self.to_f32()
            }
            #[inline]
            fn narrowed(value: f32) -> Self {
                Self::from_f32(value)
            }
        }
    )*};
    ($($type:ty)*) => {$(
        impl Computed for $type {
            type Wide = Self;
            fn as_wide(run: &[Self]) -> Option<&[Self]> {
                Some(run)
            }
            fn as_wide_mut(run: &mut [Self]) -> Option<&mut [Self]> {
                Some(run)
            }
            #[inline]
            fn widened(self) -> Self {
                self
            }
            #[inline]
            fn narrowed(value: Self) -> Self {
                value
            }
        }
    )*};
}
computed!(u8 i64 f32 f64);
computed!(halves f16 bf16);

/// A type that floating arithmetic is done in.
pub(crate) trait Real: Float + Element + FloatElement<Acc = Self> + std::iter::Sum {
    fn of(value: f64) -> Self;
    fn erf(self) -> Self;
    fn erfc(self) -> Self;
    /// `exp`, in a form that the compiler can turn into vector instructions.
    fn exponential(self) -> Self;
}

impl Real for f32 {
    #[inline]
    fn of(value: f64) -> Self {
        value as f32
    }
    fn erf(self) -> Self {
        libm::erff(self)
    }
    fn erfc(self) -> Self {
        libm::erfcf(self)
    }
    #[inline]
    fn exponential(self) -> Self {
        crate::exponential::exp(self)
    }
}

impl Real for f64 {
    #[inline]
    fn of(value: f64) -> Self {
        value
    }
    fn erf(self) -> Self {
        libm::erf(self)
    }
    fn erfc(self) -> Self {
        libm::erfc(self)
    }
    fn exponential(self) -> Self {
        self.exp()
    }
}

/// A floating type, with the wider one that it is computed in.
pub(crate) trait FloatElement: Element {
    type Acc: Real;
    fn widen(self) -> Self::Acc;
    fn narrow(value: Self::Acc) -> Self;
}

macro_rules! float_element {
    ($type:ty, $acc:ty, $widen:expr, $narrow:expr) => {
        impl FloatElement for $type {
            type Acc = $acc;
            #[inline]
            fn widen(self) -> $acc {
                $widen(self)
            }
            #[inline]
            fn narrow(value: $acc) -> Self {
                $narrow(value)
            }
        }
    };
}

float_element!(f16, f32, f16::to_f32, f16::from_f32);
float_element!(bf16, f32, bf16::to_f32, bf16::from_f32);
float_element!(f32, f32, |it| it, |it| it);
float_element!(f64, f64, |it| it, |it| it);

/// Runs `$body` with `$T` bound to the floating type of `$physical`, or fails.
macro_rules! with_float {
    ($physical:expr, $T:ident => $body:expr) => {
        match $physical {
            $crate::dtype::Physical::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::dtype::Physical::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::dtype::Physical::F32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::Physical::F64 => {
                type $T = f64;
                $body
            }
            other => {
                $crate::error::fail!(Runtime, "not implemented for elements of type {other:?}")
            }
        }
    };
}
pub(crate) use with_float;

/// Runs `$body` with `$U` bound to the unsigned type that is as wide as `$physical`: what moves
/// elements and does not look at them needs no more.
macro_rules! with_bits {
    ($physical:expr, $U:ident => $body:expr) => {
        match $physical.size() {
            1 => {
                type $U = u8;
                $body
            }
            2 => {
                type $U = u16;
                $body
            }
            4 => {
                type $U = u32;
                $body
            }
            _ => {
                type $U = u64;
                $body
            }
        }
    };
}
pub(crate) use with_bits;

/// Runs `$body` with `$T` bound to the type of `$physical`.
macro_rules! with_element {
    ($physical:expr, $T:ident => $body:expr) => {
        match $physical {
            $crate::dtype::Physical::U8 => {
                type $T = u8;
                $body
            }
            $crate::dtype::Physical::I8 => {
                type $T = i8;
                $body
            }
            $crate::dtype::Physical::U16 => {
                type $T = u16;
                $body
            }
            $crate::dtype::Physical::U32 => {
                type $T = u32;
                $body
            }
            $crate::dtype::Physical::U64 => {
                type $T = u64;
                $body
            }
            $crate::dtype::Physical::I16 => {
                type $T = i16;
                $body
            }
            $crate::dtype::Physical::I32 => {
                type $T = i32;
                $body
            }
            $crate::dtype::Physical::I64 => {
                type $T = i64;
                $body
            }
            $crate::dtype::Physical::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::dtype::Physical::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::dtype::Physical::F32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::Physical::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}
pub(crate) use with_element;
