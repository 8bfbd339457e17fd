//! Images and sequences at another size: `interpolate`, one spatial dimension after the other.

use crate::{
    call::{Call, answer},
    context,
    dtype::Physical,
    element::Real,
    error::{KernelError, Result, fail},
    layout::numel,
    multiply::narrowed,
    storage,
    table::Kernel,
    tensor::Tensor,
    threads::for_chunks,
    value::Value,
};

/// How a place between elements gets its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Nearest,
    NearestExact,
    Linear,
    Cubic,
}

impl Mode {
    /// PyTorch's name for so many spatial dimensions.
    fn named(name: &str, spatial: usize) -> Result<Self> {
        Ok(match (name, spatial) {
            ("nearest", _) => Self::Nearest,
            ("nearest-exact", _) => Self::NearestExact,
            ("linear", 1) | ("bilinear", 2) | ("trilinear", 3) => Self::Linear,
            ("bicubic", 2) => Self::Cubic,
            _ => fail!(Unsupported, "mode `{name}` over {spatial} spatial dimensions"),
        })
    }
}

/// One dimension's resampling.
#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
    /// The distance of two results in the input.
    scale: f64,
    aligned: bool,
}

impl Axis {
    /// Where a result lies between the elements.
    fn source(self, at: usize) -> f64 {
        if self.aligned { self.scale * at as f64 } else { self.scale * (at as f64 + 0.5) - 0.5 }
    }

    /// PyTorch rounds the scale to single precision here.
    fn nearest(self, at: usize, mode: Mode) -> usize {
        let shift = if mode == Mode::NearestExact { 0.5 } else { 0.0 };
        let place = ((at as f32 + shift) * self.scale as f32).floor() as usize;
        place.min(self.from - 1)
    }

    /// The elements that a result is made of, with their weights.
    fn taps(self, at: usize, mode: Mode) -> Vec<(usize, f64)> {
        let last = self.from - 1;
        if mode == Mode::Linear {
            let source = self.source(at).max(0.0);
            let low = (source as usize).min(last);
            let part = source - low as f64;
            return vec![(low, 1.0 - part), ((low + 1).min(last), part)];
        }
        let source = self.source(at);
        let low = source.floor();
        let part = source - low;
        (-1..3)
            .map(|it: i64| {
                let place = (low as i64 + it).clamp(0, last as i64) as usize;
                (place, cubic(part - it as f64, -0.75))
            })
            .collect()
    }

    /// The same over as many elements as a result stands for, as PyTorch's `antialias` has it.
    fn wide_taps(self, at: usize, mode: Mode) -> Vec<(usize, f64)> {
        let (radius, stretch) = (if mode == Mode::Cubic { 2.0 } else { 1.0 }, self.scale.max(1.0));
        let (support, centre) = (radius * stretch, self.scale * (at as f64 + 0.5));
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(self.from);
        let mut taps: Vec<(usize, f64)> = (first..end)
            .map(|it| {
                let distance = (it as f64 - centre + 0.5) / stretch;
                let weight = match mode {
                    Mode::Cubic => cubic(distance, -0.5),
                    _ => (1.0 - distance.abs()).max(0.0),
                };
                (it, weight)
            })
            .collect();
        let total: f64 = taps.iter().map(|it| it.1).sum();
        if total != 0.0 {
            for (_, weight) in &mut taps {
                *weight /= total;
            }
        }
        taps
    }
}

/// The cubic convolution kernel (Keys 1981).
pub(crate) fn cubic(distance: f64, a: f64) -> f64 {
    let x = distance.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// Sums over one dimension with the taps of each result. `[outer, from, inner] -> [outer, to, inner]`
fn along<R: Real>(
    values: &[R],
    axis: Axis,
    inner: usize,
    taps: &[Vec<(usize, f64)>],
) -> Result<Vec<R>> {
    let outer = values.len() / (axis.from * inner).max(1);
    let mut out = storage::zeros::<R>(numel(&[outer, axis.to, inner])?)?;
    let cost = taps.first().map_or(1, Vec::len);
    for_chunks(&mut out, inner.max(1), cost, |start, chunk| {
        for (idx, row) in chunk.chunks_exact_mut(inner.max(1)).enumerate() {
            let line = start / inner.max(1) + idx;
            let (item, at) = (line / axis.to, line % axis.to);
            for (place, weight) in &taps[at] {
                let from = &values[(item * axis.from + place) * inner..][..inner];
                let weight = R::of(*weight);
                for (to, from) in row.iter_mut().zip(from) {
                    *to = *to + weight * *from;
                }
            }
        }
    });
    Ok(out)
}

/// The distance of two results: by the sizes, or by the factor that was given.
fn scale(from: usize, to: usize, factor: Option<f64>, aligned: bool) -> f64 {
    match factor {
        _ if aligned && to > 1 => (from - 1) as f64 / (to - 1) as f64,
        _ if aligned => 0.0,
        Some(it) if it > 0.0 => it.recip(),
        _ => from as f64 / to as f64,
    }
}

/// `interpolate(x, sizes, mode, align_corners, factors, antialias)`: `[B, C, ..] -> [B, C, *sizes]`.
fn interpolate(call: &Call) -> Result<Value> {
    let (x, sizes) = (call.tensor(0)?, call.sizes(1)?);
    let spatial = sizes.len();
    let mode = Mode::named(call.text_or(2, "nearest")?, spatial)?;
    let (aligned, antialias) = (call.bool_or(3, false)?, call.bool_or(5, false)?);
    if x.rank() != spatial + 2 || spatial == 0 || x.numel() == 0 || sizes.contains(&0) {
        fail!(
            Value,
            "Input and output must have the same number of spatial dimensions and none of size 0, but got {:?} and {sizes:?}",
            x.shape()
        );
    }
    let nearest = matches!(mode, Mode::Nearest | Mode::NearestExact);
    if nearest && (aligned || antialias) {
        fail!(Value, "align_corners and antialias have no meaning for the nearest element");
    }
    let mut factors = vec![None; spatial];
    if let Value::List(given) = call.get(4) {
        for (factor, idx) in factors.iter_mut().zip(0..given.len()) {
            *factor = Some(Call::new(&given[idx..=idx]).float(0)?);
        }
    }
    let axis = |dim: usize| {
        let (from, to) = (x.shape()[dim + 2], sizes[dim]);
        Axis { from, to, scale: scale(from, to, factors[dim], aligned), aligned }
    };
    if nearest {
        let mut out = x.clone();
        for dim in 0..spatial {
            let axis = axis(dim);
            context::admit(axis.to, 8)?;
            let places: Vec<i64> = (0..axis.to).map(|it| axis.nearest(it, mode) as i64).collect();
            out = crate::index::taken(&out, dim + 2, &places, &[axis.to])?;
        }
        return answer(out);
    }
    if !x.dtype().is_float() {
        fail!(Unsupported, "interpolate() by weights for {}", x.dtype());
    }
    let taps = |axis: Axis| -> Vec<Vec<(usize, f64)>> {
        let of = |it| if antialias { axis.wide_taps(it, mode) } else { axis.taps(it, mode) };
        (0..axis.to).map(of).collect()
    };
    macro_rules! run {
        ($wide:ty) => {{
            let mut values = x.read::<$wide>()?.into_vec()?;
            // From the last dimension on, as the inner ones must have their new size.
            let mut inner = 1;
            for dim in (0..spatial).rev() {
                let axis = axis(dim);
                context::admit(axis.to, 64)?;
                if (axis.from, axis.scale) != (axis.to, 1.0) {
                    values = along::<$wide>(&values, axis, inner, &taps(axis))?;
                }
                inner *= axis.to;
            }
            values
        }};
    }
    let shape = [&x.shape()[..2], &sizes].concat();
    if x.physical() == Physical::F64 {
        return answer(Tensor::new(run!(f64), &shape, x.dtype())?);
    }
    let values = run!(f32);
    match x.physical() {
        Physical::F32 => answer(Tensor::new(values, &shape, x.dtype())?),
        Physical::F16 => answer(Tensor::new(narrowed::<half::f16>(values), &shape, x.dtype())?),
        _ => answer(Tensor::new(narrowed::<half::bf16>(values), &shape, x.dtype())?),
    }
}

/// How places outside the input count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// A coordinate of -1..1 as a place among `size` elements.
fn unnormalized(at: f64, size: usize, aligned: bool) -> f64 {
    let size = size as f64;
    let part = f64::midpoint(at, 1.0);
    if aligned { part * (size - 1.0) } else { part * size - 0.5 }
}

fn reflected(at: f64, size: usize, aligned: bool) -> f64 {
    let (low, span) = if aligned { (0.0, size as f64 - 1.0) } else { (-0.5, size as f64) };
    if span <= 0.0 {
        return 0.0;
    }
    let distance = (at - low).abs();
    let (flips, rest) = ((distance / span).floor(), distance % span);
    if flips % 2.0 == 0.0 { rest + low } else { span - rest + low }
}

/// Where one output reads: places along a dimension with weights; `None` lies outside.
fn reads(
    at: f64,
    size: usize,
    mode: Mode,
    outside: Outside,
    aligned: bool,
) -> Vec<(Option<usize>, f64)> {
    let fold = |at: f64| match outside {
        Outside::Zeros => at,
        Outside::Border => at.clamp(0.0, size as f64 - 1.0),
        Outside::Reflection => reflected(at, size, aligned).clamp(0.0, size as f64 - 1.0),
    };
    let inside = |at: f64| (at >= 0.0 && at < size as f64).then_some(at as usize);
    let place = unnormalized(at, size, aligned);
    match mode {
        Mode::Cubic => {
            let low = place.floor();
            (-1..3)
                .map(|it| {
                    let tap = low + f64::from(it);
                    (inside(fold(tap)), cubic(place - tap, -0.75))
                })
                .collect()
        }
        Mode::Linear => {
            let place = fold(place);
            let low = place.floor();
            vec![(inside(low), low + 1.0 - place), (inside(low + 1.0), place - low)]
        }
        _ => vec![(inside(fold(place).round_ties_even()), 1.0)],
    }
}

/// `grid_sample(x, grid, mode, padding_mode, align_corners)`:
/// `[B, C, H, W], [B, h, w, 2] -> [B, C, h, w]`.
fn grid_sample(call: &Call) -> Result<Value> {
    let (x, grid) = (call.tensor(0)?, call.tensor(1)?);
    let mode = match call.text_or(2, "bilinear")? {
        "bilinear" => Mode::Linear,
        "nearest" => Mode::Nearest,
        "bicubic" => Mode::Cubic,
        other => fail!(Value, "nn.functional.grid_sample(): no mode '{other}'"),
    };
    let outside = match call.text_or(3, "zeros")? {
        "zeros" => Outside::Zeros,
        "border" => Outside::Border,
        "reflection" => Outside::Reflection,
        other => fail!(Value, "nn.functional.grid_sample(): no padding_mode '{other}'"),
    };
    let aligned = call.bool_or(4, false)?;
    let (&[batch, channels, rows, columns], &[items, high, wide, 2]) = (x.shape(), grid.shape())
    else {
        fail!(
            Runtime,
            "grid_sampler(): expected 4D input and a grid of pairs, but got {:?} and {:?}",
            x.shape(),
            grid.shape()
        );
    };
    if items != batch || rows == 0 || columns == 0 || x.dtype() != grid.dtype() {
        fail!(
            Runtime,
            "grid_sampler(): input {:?} of {} and grid {:?} of {} do not go together",
            x.shape(),
            x.dtype(),
            grid.shape(),
            grid.dtype()
        );
    }
    let shape = [batch, channels, high, wide];
    let places = grid.read::<f64>()?;
    let values = x.read::<f64>()?;
    let (plane, count) = (rows * columns, high * wide);
    let mut out = storage::zeros::<f64>(numel(&shape)?)?;
    for (item, out) in out.chunks_exact_mut((channels * count).max(1)).enumerate() {
        for at in 0..count {
            let pair = &places[(item * count + at) * 2..][..2];
            let across = reads(pair[0], columns, mode, outside, aligned);
            let down = reads(pair[1], rows, mode, outside, aligned);
            for channel in 0..channels {
                let from = &values[(item * channels + channel) * plane..][..plane];
                let mut sum = 0.0;
                for (row, row_weight) in &down {
                    for (column, weight) in &across {
                        if let (Some(row), Some(column)) = (row, column) {
                            sum += row_weight * weight * from[row * columns + column];
                        }
                    }
                }
                out[channel * count + at] = sum;
            }
        }
    }
    let out = Tensor::new(out, &shape, crate::DType::F64)?;
    if !x.dtype().is_float() {
        return Err(KernelError::Unsupported(format!("grid_sample() for {}", x.dtype())));
    }
    answer(out.stored_as(Tensor::target(x.dtype()))?.renamed(x.dtype()))
}

pub(crate) const KERNELS: &[&[Kernel]] = &[&[
    Kernel::new(
        "interpolate",
        interpolate,
        "interpolate(x, sizes, mode='nearest', align_corners=False, factors=None, antialias=False)",
    ),
    Kernel::new(
        "grid_sample",
        grid_sample,
        "grid_sample(x, grid, mode='bilinear', padding_mode='zeros', align_corners=False)",
    ),
]];
