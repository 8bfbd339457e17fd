//! Windows of images as columns, and columns put back: `F.unfold` and `F.fold`.

use crate::{
    call::{Call, answer},
    conv::{Geometry, spread},
    element::{FloatElement, with_float},
    error::{Result, fail},
    layout::numel,
    storage,
    table::Kernel,
    tensor::Tensor,
    value::Value,
};

/// The geometry of windows over an image of that size, from arguments `first` on: kernel, dilation,
/// padding, stride.
fn geometry(call: &Call, first: usize, input: Vec<usize>) -> Result<Geometry> {
    let kernel = spread(call, first, 2, 1, 1)?;
    let dilation = spread(call, first + 1, 2, 1, 1)?;
    let padding = spread(call, first + 2, 2, 0, 0)?;
    let stride = spread(call, first + 3, 2, 1, 1)?;
    let mut output = Vec::with_capacity(2);
    for dim in 0..2 {
        let room = input[dim] + 2 * padding[dim];
        let reach = dilation[dim].saturating_mul(kernel[dim] - 1).saturating_add(1);
        if room < reach {
            fail!(
                Runtime,
                "the windows {kernel:?} do not fit an image of {input:?}: its padded size {room} is less than {reach}"
            );
        }
        output.push((room - reach) / stride[dim] + 1);
    }
    Ok(Geometry { input, kernel, stride, padding, dilation, output })
}

/// `im2col(x, kernel, dilation, padding, stride)`: `[B, C, H, W] -> [B, C * kernel, windows]`.
fn im2col(call: &Call) -> Result<Value> {
    let given = call.tensor(0)?;
    let single = given.rank() == 3;
    let x = if single { crate::shape::unsqueezed(given, 0) } else { given.clone() };
    let &[batch, channels, high, wide] = x.shape() else {
        fail!(Runtime, "Expected 3D or 4D input tensor, but got {:?}", given.shape());
    };
    let geometry = geometry(call, 1, vec![high, wide])?;
    let places = geometry.places()?;
    let (taps, plane) = (numel(&geometry.kernel)?, high * wide);
    let count = numel(&geometry.output)?;
    let shape = [batch, channels * taps, count];
    let out = with_float!(x.physical(), T => {
        let values = x.read::<T>()?;
        let mut out = storage::zeros::<T>(numel(&shape)?)?;
        for (idx, columns) in out.chunks_exact_mut((taps * count).max(1)).enumerate() {
            for (to, place) in columns.iter_mut().zip(&places) {
                if let Some(place) = place {
                    *to = values[idx * plane + place];
                }
            }
        }
        Tensor::new(out, &shape, x.dtype())?
    });
    answer(if single { crate::shape::selected(&out, 0, 0)? } else { out })
}

/// `col2im(x, sizes, kernel, dilation, padding, stride)`: sums the windows where they overlap.
/// `[B, C * kernel, windows] -> [B, C, *sizes]`
fn col2im(call: &Call) -> Result<Value> {
    let (given, sizes) = (call.tensor(0)?, call.sizes(1)?);
    let single = given.rank() == 2;
    let x = if single { crate::shape::unsqueezed(given, 0) } else { given.clone() };
    let (&[batch, rows, count], &[high, wide]) = (x.shape(), sizes.as_slice()) else {
        fail!(Runtime, "Expected 2D or 3D input and two sizes, but got {:?}", given.shape());
    };
    let geometry = geometry(call, 2, sizes.clone())?;
    let (taps, windows) = (numel(&geometry.kernel)?, numel(&geometry.output)?);
    if rows % taps != 0 || windows != count {
        fail!(
            Runtime,
            "Given output_size {sizes:?}, expected {windows} windows of a multiple of {taps} elements, but got {:?}",
            given.shape()
        );
    }
    let places = geometry.places()?;
    let (channels, plane) = (rows / taps, high * wide);
    let shape = [batch, channels, high, wide];
    let out = with_float!(x.physical(), T => {
        let values = x.read::<T>()?;
        let mut sums = storage::zeros::<<T as FloatElement>::Acc>(numel(&shape)?)?;
        for (idx, columns) in values.chunks_exact((taps * count).max(1)).enumerate() {
            for (from, place) in columns.iter().zip(&places) {
                if let Some(place) = place {
                    sums[idx * plane + place] += from.widen();
                }
            }
        }
        Tensor::new(crate::multiply::narrowed::<T>(sums), &shape, x.dtype())?
    });
    answer(if single { crate::shape::selected(&out, 0, 0)? } else { out })
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new(
        "im2col",
        im2col,
        "im2col(x, kernel, dilation=1, padding=0, stride=1); also `unfold`",
    ),
    Kernel::new(
        "col2im",
        col2im,
        "col2im(x, sizes, kernel, dilation=1, padding=0, stride=1); also `fold`",
    ),
]];
