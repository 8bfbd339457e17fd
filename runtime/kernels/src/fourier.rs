//! Discrete Fourier transforms of any length along one dimension, computed in 64 bits.

use std::f64::consts::TAU;

use gemm::c64;

use crate::{
    call::{Call, answer, dim_of},
    complex,
    dtype::DType,
    error::{Result, fail},
    shape::swapped,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// The transform of a run: split by the smallest prime factor of its length (Cooley and Tukey).
/// `roots` holds the powers of the whole length's root of unity; `stride` is how many of them apart
/// those of this length lie.
fn transform(values: &[c64], roots: &[c64], stride: usize) -> Vec<c64> {
    let len = values.len();
    let factor = (2..=len.isqrt()).find(|it| len.is_multiple_of(*it));
    let root = |power: usize| roots[power % len * stride];
    let Some(factor) = factor else {
        let one = |at: usize| {
            values.iter().enumerate().map(|(idx, it)| *it * root(at * idx)).sum::<c64>()
        };
        return (0..len).map(one).collect();
    };
    let parts: Vec<Vec<c64>> = (0..factor)
        .map(|part| {
            let run: Vec<c64> = values.iter().skip(part).step_by(factor).copied().collect();
            transform(&run, roots, stride * factor)
        })
        .collect();
    let short = len / factor;
    let one = |at: usize| {
        parts.iter().enumerate().map(|(idx, it)| it[at % short] * root(at * idx)).sum::<c64>()
    };
    (0..len).map(one).collect()
}

/// The factor of a normalisation: of `norm`, for a transform in that direction.
fn normalization(norm: &str, len: usize, inverse: bool) -> Result<f64> {
    let len = len as f64;
    Ok(match (norm, inverse) {
        ("ortho", _) => len.sqrt().recip(),
        ("backward", true) | ("forward", false) => len.recip(),
        ("backward", false) | ("forward", true) => 1.0,
        _ => fail!(Runtime, "Invalid normalization mode: \"{norm}\""),
    })
}

/// Which of the transforms is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Forward,
    Inverse,
    /// Real numbers to the half of their transform that is not a mirror image.
    RealForward,
    /// That half back to real numbers.
    RealInverse,
}

fn run(call: &Call, kind: Kind) -> Result<Value> {
    let x = call.tensor(0)?;
    if kind == Kind::RealForward && x.dtype().is_complex() {
        fail!(Runtime, "rfft expects a real input tensor, but got {}", x.dtype());
    }
    if matches!(x.dtype(), DType::F16 | DType::BF16) {
        fail!(Runtime, "Unsupported dtype {}", x.dtype());
    }
    if x.rank() == 0 {
        fail!(Index, "a transform needs a dimension");
    }
    let dim = dim_of(call, 2, x, -1)?;
    let inverse = matches!(kind, Kind::Inverse | Kind::RealInverse);
    let turned = swapped(x, dim, x.rank() - 1);
    let own = x.shape()[dim];
    let default = if kind == Kind::RealInverse { 2 * own.saturating_sub(1) } else { own };
    let len = match call.optional_int(1)? {
        None => default,
        Some(it) => usize::try_from(it).unwrap_or(0),
    };
    if len == 0 {
        fail!(Runtime, "Invalid number of data points ({len}) specified");
    }
    let factor = normalization(call.text_or(3, "backward")?, len, inverse)?;
    let sign = if inverse { 1.0 } else { -1.0 };
    crate::context::admit(len * 4, 16)?;
    let roots: Vec<c64> = (0..len)
        .map(|it| {
            let angle = sign * TAU * it as f64 / len as f64;
            c64::new(angle.cos(), angle.sin())
        })
        .collect();
    let values = complex::read(&turned)?;
    let made = if kind == Kind::RealForward { len / 2 + 1 } else { len };
    let mut out = Vec::new();
    for lane in values.chunks_exact(own.max(1)) {
        let mut line: Vec<c64> = lane.iter().copied().take(len).collect();
        line.resize(len, c64::new(0.0, 0.0));
        if kind == Kind::RealInverse {
            let half = len / 2 + 1;
            line[..half].iter_mut().skip(own).for_each(|it| *it = c64::new(0.0, 0.0));
            // What is its own mirror image has no imaginary part.
            line[0].im = 0.0;
            if len.is_multiple_of(2) {
                line[len / 2].im = 0.0;
            }
            for idx in half..len {
                line[idx] = line[len - idx].conj();
            }
        }
        let transformed = transform(&line, &roots, 1);
        out.extend(transformed.into_iter().take(made).map(|it| it * factor));
    }
    let mut shape = turned.shape().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = made;
    }
    let wide = matches!(x.dtype(), DType::F64 | DType::C128);
    let dtype = match kind {
        Kind::RealInverse if wide => DType::F64,
        Kind::RealInverse => DType::F32,
        _ if wide => DType::C128,
        _ => DType::C64,
    };
    let out = if kind == Kind::RealInverse {
        let parts: Vec<f64> = out.iter().map(|it| it.re).collect();
        crate::cast::cast(&Tensor::new(parts, &shape, DType::F64)?, dtype)?
    } else {
        complex::build(&out, &shape, dtype)?
    };
    answer(swapped(&out, dim, x.rank() - 1))
}

fn fft(call: &Call) -> Result<Value> {
    run(call, Kind::Forward)
}

fn ifft(call: &Call) -> Result<Value> {
    run(call, Kind::Inverse)
}

fn rfft(call: &Call) -> Result<Value> {
    run(call, Kind::RealForward)
}

fn irfft(call: &Call) -> Result<Value> {
    run(call, Kind::RealInverse)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("fft", fft, "fft(x, n=size, dim=-1, norm='backward')"),
    Kernel::new("ifft", ifft, "ifft(x, n=size, dim=-1, norm='backward')"),
    Kernel::new("rfft", rfft, "rfft(x, n=size, dim=-1, norm='backward'): n / 2 + 1 numbers"),
    Kernel::new("irfft", irfft, "irfft(x, n=2 * (size - 1), dim=-1, norm='backward'): real"),
]];
