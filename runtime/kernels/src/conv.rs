//! Convolutions over one to three dimensions.

use rayon::prelude::*;

use crate::{
    call::{Call, answer},
    element::{FloatElement, Real, with_float},
    error::{Result, fail},
    layout::{contiguous_strides, numel},
    multiply::{Matrix, Share, Sizes, multiply, narrowed},
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// The geometry of a convolution: one entry a spatial dimension.
pub(crate) struct Geometry {
    pub(crate) input: Vec<usize>,
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) padding: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    pub(crate) output: Vec<usize>,
}

impl Geometry {
    /// For each place of the kernel and each place of the output: the place of the input.
    pub(crate) fn places(&self) -> Result<Vec<Option<usize>>> {
        let (kernel, output) = (numel(&self.kernel)?, numel(&self.output)?);
        crate::context::admit(kernel * output, 16)?;
        let strides = contiguous_strides(&self.input);
        let (inner, outer) = (contiguous_strides(&self.kernel), contiguous_strides(&self.output));
        let place = |tap: usize, at: usize| {
            (0..self.input.len()).try_fold(0_usize, |sum, dim| {
                let tap = tap / inner[dim] % self.kernel[dim];
                let at = at / outer[dim] % self.output[dim];
                let place = (at * self.stride[dim] + tap * self.dilation[dim])
                    .checked_sub(self.padding[dim])?;
                (place < self.input[dim]).then(|| sum + place * strides[dim])
            })
        };
        Ok((0..kernel).flat_map(|tap| (0..output).map(move |at| place(tap, at))).collect())
    }
}

/// A list of `count` numbers; one number stands for all.
pub(crate) fn spread(
    call: &Call,
    idx: usize,
    count: usize,
    default: i64,
    least: i64,
) -> Result<Vec<usize>> {
    let given = call.optional_ints(idx)?.unwrap_or_else(|| vec![default]);
    let given = if given.len() == 1 { vec![given[0]; count] } else { given };
    if given.len() != count || given.iter().any(|it| *it < least) {
        fail!(Runtime, "expected {count} numbers of at least {least}, but got {given:?}");
    }
    Ok(given.into_iter().map(|it| it as usize).collect())
}

/// Left and right padding; `"same"` may need one more on the right, which is added to the input.
fn padded(
    call: &Call,
    x: &Tensor,
    kernel: &[usize],
    dilation: &[usize],
) -> Result<(Tensor, Vec<usize>)> {
    let count = kernel.len();
    match call.get(4) {
        Value::Str(it) if it == "valid" => Ok((x.clone(), vec![0; count])),
        Value::Str(it) if it == "same" => {
            let mut pads = Vec::new();
            for (kernel, dilation) in kernel.iter().zip(dilation).rev() {
                let total = (dilation * kernel.saturating_sub(1)) as i64;
                pads.extend([Value::Int(total / 2), Value::Int(total - total / 2)]);
            }
            let args = [Value::Tensor(x.clone()), Value::List(pads)];
            match crate::join::pad(&Call::new(&args))? {
                Value::Tensor(it) => Ok((it, vec![0; count])),
                _ => fail!(Type, "padding gives a tensor"),
            }
        }
        _ => Ok((x.clone(), spread(call, 4, count, 0, 0)?)),
    }
}

/// `conv(x, weight, bias, stride, padding, dilation, groups)` over `spatial` dimensions.
/// `[B, C, ..], [O, C / groups, ..] -> [B, O, ..]`
fn convolve(call: &Call, spatial: usize) -> Result<Value> {
    let (given, weight) = (call.tensor(0)?, call.tensor(1)?);
    let bias = call.optional_tensor(2)?;
    let single = given.rank() == spatial + 1;
    let x = if single { crate::shape::unsqueezed(given, 0) } else { given.clone() };
    let groups = usize::try_from(call.int_or(6, 1)?).unwrap_or(0);
    if x.rank() != spatial + 2 || weight.rank() != spatial + 2 || groups == 0 {
        fail!(
            Runtime,
            "Expected {}D or {}D input and a weight of {} dimensions, but got {:?} and {:?}",
            spatial + 1,
            spatial + 2,
            spatial + 2,
            given.shape(),
            weight.shape()
        );
    }
    if weight.dtype() != x.dtype() || bias.is_some_and(|it| it.dtype() != x.dtype()) {
        fail!(
            Runtime,
            "Input type ({}) and weight type ({}) should be the same",
            x.dtype(),
            weight.dtype()
        );
    }
    let (channels, outputs) = (x.shape()[1], weight.shape()[0]);
    if channels != weight.shape()[1] * groups || outputs % groups != 0 {
        fail!(
            Runtime,
            "Given groups={groups}, weight of size {:?}, expected input to have {} channels, but got {channels}",
            weight.shape(),
            weight.shape()[1] * groups
        );
    }
    if bias.is_some_and(|it| it.shape() != [outputs]) {
        fail!(Runtime, "expected a bias of {outputs} elements");
    }
    let kernel = weight.shape()[2..].to_vec();
    let (stride, dilation) = (spread(call, 3, spatial, 1, 1)?, spread(call, 5, spatial, 1, 1)?);
    let (x, padding) = padded(call, &x, &kernel, &dilation)?;
    let input = x.shape()[2..].to_vec();
    let mut output = Vec::with_capacity(spatial);
    for dim in 0..spatial {
        let room = input[dim] + 2 * padding[dim];
        let reach = dilation[dim].saturating_mul(kernel[dim].saturating_sub(1)).saturating_add(1);
        if kernel[dim] == 0 || room < reach {
            fail!(
                Runtime,
                "Calculated padded input size per channel: {room}. Kernel size: {reach}. Kernel size can't be greater than actual input size"
            );
        }
        output.push((room - reach) / stride[dim] + 1);
    }
    let geometry = Geometry { input, kernel, stride, padding, dilation, output };
    let shape = [&[x.shape()[0], outputs], geometry.output.as_slice()].concat();
    let dtype = x.dtype();
    let out = with_float!(Tensor::target(dtype), T => {
        type Wide<T> = <T as FloatElement>::Acc;
        let (x, weight) = (x.read::<Wide<T>>()?, weight.read::<Wide<T>>()?);
        let bias = bias.map(Tensor::read::<Wide<T>>).transpose()?;
        let planes = Planes { geometry: &geometry, channels, outputs, groups };
        let values = planes.run::<Wide<T>>(&x, &weight, bias.as_deref(), shape[0])?;
        Tensor::new(narrowed::<T>(values), &shape, dtype)?
    });
    answer(if single { crate::shape::selected(&out, 0, 0)? } else { out })
}

struct Planes<'a> {
    geometry: &'a Geometry,
    channels: usize,
    outputs: usize,
    groups: usize,
}

impl Planes<'_> {
    fn run<R: Real>(
        &self,
        x: &[R],
        weight: &[R],
        bias: Option<&[R]>,
        batch: usize,
    ) -> Result<Vec<R>> {
        let places = self.geometry.places()?;
        let (plane, kernel, output) = (
            numel(&self.geometry.input)?,
            numel(&self.geometry.kernel)?,
            numel(&self.geometry.output)?,
        );
        let (own, made) = (self.channels / self.groups, self.outputs / self.groups);
        let mut out = storage::zeros::<R>(numel(&[batch, self.outputs, output])?)?;
        if out.is_empty() {
            return Ok(out);
        }
        let threads = rayon::current_num_threads().max(1);
        crate::context::admit(own * kernel * output * threads, R::PHYSICAL.size())?;
        let one = |idx: usize, out: &mut [R], share: Share| -> Result<()> {
            let (item, group) = (idx / self.groups, idx % self.groups);
            let first = (item * self.channels + group * own) * plane;
            let taps = own * kernel;
            let mut columns = vec![R::zero(); taps * output];
            for (channel, columns) in columns.chunks_exact_mut((kernel * output).max(1)).enumerate()
            {
                let source = &x[first + channel * plane..][..plane];
                for (to, place) in columns.iter_mut().zip(&places) {
                    if let Some(place) = place {
                        *to = source[*place];
                    }
                }
            }
            let weights = Matrix {
                values: weight,
                offset: group * made * taps,
                row_stride: taps,
                column_stride: 1,
            };
            let columns =
                Matrix { values: &columns, offset: 0, row_stride: output, column_stride: 1 };
            multiply(
                Sizes { m: made, k: taps, n: output },
                R::of(1.0),
                weights,
                columns,
                out,
                share,
            )?;
            if let Some(bias) = bias {
                for (row, bias) in out.chunks_exact_mut(output).zip(&bias[group * made..]) {
                    for to in row {
                        *to = *to + *bias;
                    }
                }
            }
            Ok(())
        };
        let each = made * output;
        let work = out.len() * own * kernel;
        if self.groups * batch < 2 || work < 1 << 16 {
            for (idx, out) in out.chunks_exact_mut(each).enumerate() {
                one(idx, out, Share::Threads)?;
            }
        } else {
            out.par_chunks_exact_mut(each)
                .enumerate()
                .try_for_each(|(idx, out)| one(idx, out, Share::Alone))?;
        }
        Ok(out)
    }
}

fn conv1d(call: &Call) -> Result<Value> {
    convolve(call, 1)
}

fn conv2d(call: &Call) -> Result<Value> {
    convolve(call, 2)
}

fn conv3d(call: &Call) -> Result<Value> {
    convolve(call, 3)
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new(
        "conv1d",
        conv1d,
        "conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)",
    ),
    Kernel::new(
        "conv2d",
        conv2d,
        "conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)",
    ),
    Kernel::new(
        "conv3d",
        conv3d,
        "conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)",
    ),
]];
