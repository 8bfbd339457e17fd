//! Pooling of images: the mean or the maximum of every window.

use crate::{
    call::{Call, answer},
    conv::{Geometry, spread},
    element::{FloatElement, Real, with_float},
    error::{Result, fail},
    layout::numel,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// The windows of a plane; those that begin in the padding on the far side are left out, as PyTorch does.
fn windows(
    x: &Tensor,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    padding: Vec<usize>,
    dilation: Vec<usize>,
    ceil: bool,
) -> Result<Geometry> {
    let [.., height, width] = *x.shape() else {
        fail!(Runtime, "pooling takes a tensor of at least 2 dimensions, but got {:?}", x.shape());
    };
    let input = vec![height, width];
    let mut output = Vec::with_capacity(2);
    for dim in 0..2 {
        let reach = dilation[dim].saturating_mul(kernel[dim] - 1).saturating_add(1);
        if reach < padding[dim].saturating_mul(2) {
            fail!(
                Runtime,
                "pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}",
                padding[dim],
                kernel[dim],
                dilation[dim]
            );
        }
        let room = input[dim] + 2 * padding[dim];
        let Some(room) = room.checked_sub(reach) else {
            fail!(Runtime, "a window of {reach} is larger than the padded input of {room}");
        };
        let mut count = room / stride[dim] + 1;
        if ceil {
            count = room.div_ceil(stride[dim]) + 1;
            if input[dim] + padding[dim] <= (count - 1) * stride[dim] {
                count -= 1;
            }
        }
        output.push(count);
    }
    Ok(Geometry { input, kernel, stride, padding, dilation, output })
}

impl Geometry {
    /// How many places of the window at `at` lie in the input with its padding.
    fn padded_taps(&self, at: usize) -> usize {
        let width = self.output[1];
        let along = |dim: usize, at: usize| {
            let first = at * self.stride[dim];
            let last = (first + self.kernel[dim]).min(self.input[dim] + 2 * self.padding[dim]);
            last - first
        };
        along(0, at / width) * along(1, at % width)
    }
}

/// For every window of every plane of `x`: what `fold` makes of its values that are in the input, and of
/// its place in the output.
fn pooled<T: FloatElement>(
    x: &Tensor,
    geometry: &Geometry,
    fold: impl Fn(&mut dyn Iterator<Item = T::Acc>, usize) -> T::Acc,
) -> Result<Value> {
    let places = geometry.places()?;
    let lead = &x.shape()[..x.rank() - 2];
    let (plane, count) = (numel(&geometry.input)?, numel(&geometry.output)?);
    let taps = numel(&geometry.kernel)?;
    let shape = [lead, &geometry.output].concat();
    let values = x.read::<T>()?;
    let mut out = storage::zeros::<T>(numel(&shape)?)?;
    for (idx, to) in out.iter_mut().enumerate() {
        let (first, at) = (idx / count * plane, idx % count);
        let mut seen = (0..taps)
            .filter_map(|tap| places[tap * count + at])
            .map(|it| values[first + it].widen());
        *to = T::narrow(fold(&mut seen, at));
    }
    answer(Tensor::new(out, &shape, x.dtype())?)
}

/// The kernel, the stride (the kernel where there is none) and the padding.
fn sizes(call: &Call) -> Result<[Vec<usize>; 3]> {
    let kernel = spread(call, 1, 2, 1, 1)?;
    let given = call.optional_ints(2)?.is_some_and(|it| !it.is_empty());
    let stride = if given { spread(call, 2, 2, 1, 1)? } else { kernel.clone() };
    Ok([kernel, stride, spread(call, 3, 2, 0, 0)?])
}

fn avg_pool2d(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let [kernel, stride, padding] = sizes(call)?;
    let geometry = windows(x, kernel, stride, padding, vec![1; 2], call.bool_or(4, false)?)?;
    let include = call.bool_or(5, true)?;
    let divisor = call.optional_int(6)?;
    if divisor == Some(0) {
        fail!(Runtime, "divisor must be not zero");
    }
    with_float!(x.physical(), T => {
        type Wide<T> = <T as FloatElement>::Acc;
        pooled::<T>(x, &geometry, |seen, at| {
            let (mut sum, mut count) = (Wide::<T>::of(0.0), 0_usize);
            for value in seen {
                sum += value;
                count += 1;
            }
            let by = match divisor {
                Some(divisor) => divisor as f64,
                None if include => geometry.padded_taps(at) as f64,
                None => count as f64,
            };
            sum / Wide::<T>::of(by)
        })
    })
}

fn max_pool2d(call: &Call) -> Result<Value> {
    let x = call.tensor(0)?;
    let [kernel, stride, padding] = sizes(call)?;
    let dilation = spread(call, 4, 2, 1, 1)?;
    let geometry = windows(x, kernel, stride, padding, dilation, call.bool_or(5, false)?)?;
    with_float!(x.physical(), T => {
        type Wide<T> = <T as FloatElement>::Acc;
        pooled::<T>(x, &geometry, |seen, _| {
            let least = Wide::<T>::of(f64::NEG_INFINITY);
            seen.fold(least, |most, it| if most < it || it.is_nan() { it } else { most })
        })
    })
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new(
        "avg_pool2d",
        avg_pool2d,
        "avg_pool2d(x, kernel, stride=kernel, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None)",
    ),
    Kernel::new(
        "max_pool2d",
        max_pool2d,
        "max_pool2d(x, kernel, stride=kernel, padding=0, dilation=1, ceil_mode=False)",
    ),
]];
