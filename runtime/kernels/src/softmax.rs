//! Softmax and the norms: each lane becomes another, with sums in the wide type.

use num_traits::{Float, Zero};

use crate::{
    call::{Call, answer, dim_of},
    cast::cast,
    element::{Element, FloatElement, Real, with_float},
    error::{Result, fail},
    lanes::Lanes,
    layout::numel,
    storage,
    table::Kernel,
    tensor::Tensor,
    threads::for_chunks,
    unary::floating,
    value::Value,
};

/// Applies `f` to every lane along `dim` in the wide type.
pub(crate) fn lanewise(
    x: &Tensor,
    dim: usize,
    f32s: impl Fn(&mut [f32]) + Sync,
    f64s: impl Fn(&mut [f64]) + Sync,
) -> Result<Tensor> {
    let x = floating(x)?;
    let dtype = x.dtype();
    macro_rules! run {
        ($wide:ty, $type:ty, $f:expr) => {{
            let mut lanes = Lanes::<$wide>::of(&x, dim)?;
            let len = lanes.len.max(1);
            for_chunks(&mut lanes.values, len, 8, |_, chunk| {
                chunk.chunks_exact_mut(len).for_each(|it| $f(it));
            });
            let values = std::mem::take(&mut lanes.values);
            let values: Vec<$type> = crate::multiply::narrowed::<$type>(values);
            lanes.restore(values, lanes.len, dtype)
        }};
    }
    match x.physical() {
        crate::dtype::Physical::F64 => run!(f64, f64, f64s),
        crate::dtype::Physical::F32 => run!(f32, f32, f32s),
        crate::dtype::Physical::F16 => run!(f32, half::f16, f32s),
        _ => run!(f32, half::bf16, f32s),
    }
}

/// The largest element. NaN is passed over: it comes back through the sum of exponentials.
fn largest<R: Real>(lane: &[R]) -> R {
    const LANES: usize = 16;
    let larger = |a: R, b: R| if b > a { b } else { a };
    let mut best = [R::neg_infinity(); LANES];
    let chunks = lane.chunks_exact(LANES);
    let tail = chunks.remainder().iter().copied().fold(R::neg_infinity(), larger);
    for chunk in chunks {
        for (best, value) in best.iter_mut().zip(chunk) {
            *best = larger(*best, *value);
        }
    }
    best.into_iter().fold(tail, larger)
}

/// Softmax of one lane. A lane of `-inf` alone gives NaN, as in PyTorch.
pub(crate) fn softmax_lane<R: Real>(lane: &mut [R]) {
    let max = largest(lane);
    for value in lane.iter_mut() {
        *value = (*value - max).exponential();
    }
    let scale = R::of(total(lane, Element::as_f64)).recip();
    for value in lane.iter_mut() {
        *value = *value * scale;
    }
}

fn log_softmax_lane<R: Real>(lane: &mut [R]) {
    let max = largest(lane);
    let sum: R = lane.iter().map(|it| (*it - max).exponential()).sum();
    let shift = sum.ln();
    for value in lane.iter_mut() {
        *value = *value - max - shift;
    }
}

/// The input, cast first where a dtype is given.
fn cast_input(call: &Call, idx: usize) -> Result<Tensor> {
    match call.optional_dtype(idx)? {
        Some(dtype) => cast(call.tensor(0)?, dtype),
        None => Ok(call.tensor(0)?.clone()),
    }
}

fn softmax(call: &Call) -> Result<Value> {
    let x = cast_input(call, 2)?;
    answer(lanewise(&x, dim_of(call, 1, &x, -1)?, softmax_lane, softmax_lane)?)
}

fn log_softmax(call: &Call) -> Result<Value> {
    let x = cast_input(call, 2)?;
    answer(lanewise(&x, dim_of(call, 1, &x, -1)?, log_softmax_lane, log_softmax_lane)?)
}

/// A sum in 64 bits, in several parts that the compiler can keep side by side.
pub(crate) fn total<T: Copy>(run: &[T], f: impl Fn(T) -> f64) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0_f64; LANES];
    let chunks = run.chunks_exact(LANES);
    let tail: f64 = chunks.remainder().iter().map(|it| f(*it)).sum();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += f(*value);
        }
    }
    sums.iter().sum::<f64>() + tail
}

/// How a run of elements is normalised.
#[derive(Clone, Copy)]
enum Centre {
    Mean,
    Zero,
}

/// `(x - centre) / sqrt(mean((x - centre)²) + eps) * weight + bias` over runs of `len` elements.
/// `affine(position)` gives the index of weight and bias for an element.
struct Norm<'a> {
    len: usize,
    eps: f64,
    centre: Centre,
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
}

impl Norm<'_> {
    fn run(&self, x: &Tensor, affine: impl Fn(usize) -> usize + Sync) -> Result<Tensor> {
        let x = floating(x)?;
        with_float!(x.physical(), T => self.typed::<T>(&x, affine))
    }

    fn typed<T: FloatElement>(
        &self,
        x: &Tensor,
        affine: impl Fn(usize) -> usize + Sync,
    ) -> Result<Tensor> {
        let values = x.read::<T>()?;
        let weight = self.weight.map(Tensor::read::<T::Acc>).transpose()?;
        let bias = self.bias.map(Tensor::read::<T::Acc>).transpose()?;
        let (weight, bias) = (weight.as_deref(), bias.as_deref());
        let mut out = storage::zeros::<T>(values.len())?;
        let len = self.len.max(1);
        let count = T::Acc::of(len as f64);
        for_chunks(&mut out, len, 4, |start, chunk| {
            for (row, run) in chunk.chunks_exact_mut(len).enumerate() {
                let first = start + row * len;
                let from = &values[first..first + len];
                let mean = match self.centre {
                    Centre::Mean => T::Acc::of(total(from, |it: T| it.as_f64()) / len as f64),
                    Centre::Zero => T::Acc::zero(),
                };
                let square = |it: T| {
                    let it = it.widen() - mean;
                    (it * it).as_f64()
                };
                let variance = T::Acc::of(total(from, square)) / count;
                let scale = (variance + T::Acc::of(self.eps)).sqrt().recip();
                for (idx, (to, from)) in run.iter_mut().zip(from).enumerate() {
                    let mut value = (from.widen() - mean) * scale;
                    let at = affine(first + idx);
                    if let Some(weight) = weight {
                        value = value * weight[at];
                    }
                    if let Some(bias) = bias {
                        value = value + bias[at];
                    }
                    *to = T::narrow(value);
                }
            }
        });
        Tensor::new(out, x.shape(), x.dtype())
    }
}

/// The length of the last dimensions, which must be `shape`.
fn tail(x: &Tensor, shape: &[usize], params: [Option<&Tensor>; 2]) -> Result<usize> {
    let fits = x.rank() >= shape.len() && !shape.is_empty() && x.shape().ends_with(shape);
    if !fits {
        fail!(Runtime, "Given normalized_shape={shape:?}, but got input of size {:?}", x.shape());
    }
    if let Some(it) = params.into_iter().flatten().find(|it| it.shape() != shape) {
        fail!(Runtime, "Expected a weight of shape {shape:?}, but got {:?}", it.shape());
    }
    numel(shape)
}

fn layer_norm(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let (weight, bias) = (call.optional_tensor(2)?, call.optional_tensor(3)?);
    let len = tail(x, &call.sizes(1)?, [weight, bias])?;
    let norm = Norm { len, eps: call.float_or(4, 1e-5)?, centre: Centre::Mean, weight, bias };
    answer(norm.run(x, |it| it % len.max(1))?)
}

fn rms_norm(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let weight = call.optional_tensor(2)?;
    let len = tail(x, &call.sizes(1)?, [weight, None])?;
    let eps = match call.get(3) {
        Value::None => match x.dtype() {
            crate::DType::F64 => f64::EPSILON,
            _ => f64::from(f32::EPSILON),
        },
        _ => call.float(3)?,
    };
    let norm = Norm { len, eps, centre: Centre::Zero, weight, bias: None };
    answer(norm.run(x, |it| it % len.max(1))?)
}

fn group_norm(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let groups = usize::try_from(call.int(1)?).unwrap_or(0);
    let (weight, bias) = (call.optional_tensor(2)?, call.optional_tensor(3)?);
    let [_, channels, ref rest @ ..] = *x.shape() else {
        fail!(Runtime, "Expected at least 2 dimensions for input tensor");
    };
    if groups == 0 || channels % groups != 0 {
        fail!(
            Runtime,
            "Expected number of channels in input to be divisible by num_groups, but got {channels} and {groups}"
        );
    }
    if weight.into_iter().chain(bias).any(|it| it.shape() != [channels]) {
        fail!(Runtime, "Expected weight and bias of {channels} elements");
    }
    let inner = numel(rest)?;
    let len = channels / groups * inner;
    let norm = Norm { len, eps: call.float_or(4, 1e-5)?, centre: Centre::Mean, weight, bias };
    answer(norm.run(x, |it| it / inner.max(1) % channels)?)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new("softmax", softmax, "softmax(x, dim=-1, dtype=None)"),
    Kernel::new("log_softmax", log_softmax, "log_softmax(x, dim=-1, dtype=None)"),
    Kernel::new("layer_norm", layer_norm, "layer_norm(x, shape, weight=None, bias=None, eps=1e-5)"),
    Kernel::new("rms_norm", rms_norm, "rms_norm(x, shape, weight=None, eps=the dtype's)"),
    Kernel::new(
        "group_norm",
        group_norm,
        "group_norm(x, groups, weight=None, bias=None, eps=1e-5)",
    ),
]];
