//! Our strided windows as candle's tensors, copies of them, and writes through them.

use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, InplaceOp2, Layout as FlatLayout, MetalStorage,
    Result as CandleResult, Shape, Tensor as Flat,
    backend::{BackendDevice, BackendStorage},
};

use super::transfer::{failed, kind};
use crate::{
    context,
    dtype::{DType, Physical},
    error::Result,
    layout::{Layout, Walk, numel},
    storage::Storage,
    tensor::Tensor,
};

/// A window on a flat tensor: without a copy where the window is a run of elements with dimensions
/// exchanged, dropped or stretched; else a copy.
pub(crate) fn viewed(flat: &Flat, layout: &Layout) -> Result<Flat> {
    match window(flat, layout).map_err(failed)? {
        Some(it) => Ok(it),
        None => strided(flat, layout),
    }
}

fn window(flat: &Flat, layout: &Layout) -> CandleResult<Option<Flat>> {
    if layout.numel() == 0 {
        return Ok(None);
    }
    let mut dims: Vec<usize> = (0..layout.shape.len())
        .filter(|it| layout.shape[*it] > 1 && layout.strides[*it] > 0)
        .collect();
    dims.sort_by_key(|it| std::cmp::Reverse(layout.strides[*it]));
    let mut count = 1;
    for dim in dims.iter().rev() {
        if layout.strides[*dim] != count {
            return Ok(None);
        }
        count *= layout.shape[*dim];
    }
    let sizes: Vec<usize> = dims.iter().map(|it| layout.shape[*it]).collect();
    let mut out = flat.narrow(0, layout.offset, count)?.reshape(sizes)?;
    // Where each kept dimension of the window lies in the run.
    let mut kept = dims.clone();
    kept.sort_unstable();
    let order: Vec<usize> =
        kept.iter().map(|it| dims.iter().position(|dim| dim == it).unwrap_or_default()).collect();
    if order.len() > 1 {
        out = out.permute(order)?;
    }
    for dim in (0..layout.shape.len()).filter(|it| !kept.contains(it)) {
        out = out.unsqueeze(dim)?;
    }
    if out.dims() == layout.shape {
        Ok(Some(out))
    } else {
        out.broadcast_as(layout.shape.as_slice()).map(Some)
    }
}

/// A contiguous copy of a window.
pub(crate) fn strided(flat: &Flat, layout: &Layout) -> Result<Flat> {
    let strides = layout.strides.clone();
    let shape = Shape::from(layout.shape.clone());
    flat.apply_op1_no_bwd(&Copied(FlatLayout::new(shape, strides, layout.offset))).map_err(failed)
}

struct Copied(FlatLayout);

impl Copied {
    fn run<D, B>(&self, from: &B) -> CandleResult<(B, Shape)>
    where
        D: BackendDevice<Storage = B>,
        B: BackendStorage<Device = D>,
    {
        let mut out = from.device().zeros_impl(self.0.shape(), from.dtype())?;
        if self.0.shape().elem_count() > 0 {
            from.copy_strided_src(&mut out, 0, &self.0)?;
        }
        Ok((out, self.0.shape().clone()))
    }
}

impl CustomOp1 for Copied {
    fn name(&self) -> &'static str {
        "strided copy"
    }

    fn cpu_fwd(&self, from: &CpuStorage, _: &FlatLayout) -> CandleResult<(CpuStorage, Shape)> {
        self.run(from)
    }

    fn cuda_fwd(&self, from: &CudaStorage, _: &FlatLayout) -> CandleResult<(CudaStorage, Shape)> {
        self.run(from)
    }

    fn metal_fwd(
        &self,
        from: &MetalStorage,
        _: &FlatLayout,
    ) -> CandleResult<(MetalStorage, Shape)> {
        self.run(from)
    }
}

/// Writes a contiguous source of the window's shape and type through to a flat tensor.
pub(crate) fn write(flat: &Flat, layout: &Layout, source: &Flat) -> Result<()> {
    flat.inplace_op2(source, &Written(layout)).map_err(failed)
}

struct Written<'a>(&'a Layout);

impl Written<'_> {
    fn run<B: BackendStorage>(
        &self,
        to: &mut B,
        from: &B,
        source: &FlatLayout,
    ) -> CandleResult<()> {
        let walk = Walk::new([self.0]);
        let first = source.start_offset();
        let (mut rows, mut outcome) = (Vec::new(), Ok(()));
        walk.rows(0, walk.total(), &mut |position, [at], len| rows.push((position, at, len)));
        let [step] = walk.steps();
        let mut idx = 0;
        while let Some((position, at, len)) = rows.get(idx).copied() {
            if step == 1 {
                // Rows at one distance go together.
                let gap = rows.get(idx + 1).map_or(len, |next| next.1.wrapping_sub(at));
                let follows = |it: &usize| rows[*it].1.wrapping_sub(rows[*it - 1].1) == gap;
                let count = 1 + (idx + 1..rows.len()).take_while(follows).count();
                let count = if gap > isize::MAX as usize { 1 } else { count };
                outcome = from.copy2d(to, count, len, len, gap, first + position, at);
                idx += count;
            } else {
                // A run with gaps: rows of one element each.
                outcome = from.copy2d(to, len, 1, 1, step.max(1), first + position, at);
                idx += 1;
            }
            if outcome.is_err() {
                break;
            }
        }
        outcome
    }
}

impl InplaceOp2 for Written<'_> {
    fn name(&self) -> &'static str {
        "write through a window"
    }

    fn cpu_fwd(
        &self,
        to: &mut CpuStorage,
        _: &FlatLayout,
        from: &CpuStorage,
        source: &FlatLayout,
    ) -> CandleResult<()> {
        self.run(to, from, source)
    }

    fn cuda_fwd(
        &self,
        to: &mut CudaStorage,
        _: &FlatLayout,
        from: &CudaStorage,
        source: &FlatLayout,
    ) -> CandleResult<()> {
        self.run(to, from, source)
    }

    fn metal_fwd(
        &self,
        to: &mut MetalStorage,
        _: &FlatLayout,
        from: &MetalStorage,
        source: &FlatLayout,
    ) -> CandleResult<()> {
        self.run(to, from, source)
    }
}

/// A tensor of zeros on the device in force, where it holds such elements.
pub(crate) fn blank(shape: &[usize], dtype: DType) -> Result<Option<Tensor>> {
    let (place, physical) = (context::place(), Tensor::target(dtype));
    let (Some(kind), true) = (kind(physical), place.holds(physical) && !dtype.is_complex()) else {
        return Ok(None);
    };
    context::admit(numel(shape)?, physical.size())?;
    let made = Flat::zeros(shape, kind, &place.open()?).map_err(failed)?;
    Tensor::from_device(&made, dtype, physical).map(Some)
}

impl Tensor {
    /// The tensor on its device, where that is the one in force and holds such elements.
    pub(crate) fn on_device(&self) -> Result<Option<Flat>> {
        if self.dtype().is_complex() || self.storage.place() != context::place() {
            return Ok(None);
        }
        let flat = self.storage.read_device()?;
        flat.map(|it| viewed(&it, &self.layout)).transpose()
    }

    /// A tensor from what an operation has allocated on the device in force.
    pub(crate) fn from_device(made: &Flat, dtype: DType, physical: Physical) -> Result<Self> {
        let shape = made.dims().to_vec();
        let made = match kind(physical) {
            Some(kind) if made.dtype() != kind => made.to_dtype(kind),
            _ => Ok(made.clone()),
        };
        let flat = made.and_then(|it| it.contiguous()?.flatten_all()).map_err(failed)?;
        let storage = Storage::on_device(flat, physical);
        Ok(Self::over(storage, Layout::contiguous(&shape), dtype))
    }

    /// A copy on the device in another type; `None` where the host must make it.
    pub(crate) fn copied_on_device(&self, physical: Physical) -> Result<Option<Self>> {
        let place = context::place();
        let own = self.physical();
        let rounds_alike = own == physical
            || matches!(physical, Physical::F16 | Physical::BF16 | Physical::F32 | Physical::F64)
            || (physical == Physical::I64 && own == Physical::U8);
        let fits = rounds_alike && place.holds(physical) && place.holds(own);
        if !fits || self.dtype().is_complex() || self.storage.place() != place {
            return Ok(None);
        }
        let Some(flat) = self.storage.read_device()? else { return Ok(None) };
        context::admit(self.numel(), physical.size())?;
        let made = strided(&flat, &self.layout)?;
        Self::from_device(&made, self.dtype(), physical).map(Some)
    }

    /// Writes a source of this shape and way of storing through on the device; whether it could.
    pub(crate) fn written_on_device(&self, source: &Self) -> Result<bool> {
        let place = context::place();
        let apart = self.storage.place() != place || !place.holds(self.physical());
        if apart || self.dtype().is_complex() {
            return Ok(false);
        }
        if self.numel() == 0 {
            return Ok(true);
        }
        let source = if source.storage.place() == place {
            source.storage.read_device()?.map(|it| strided(&it, &source.layout)).transpose()?
        } else {
            let values = source.to_contiguous()?;
            let host = values.storage.read()?;
            Some(super::transfer::upload(&host, self.physical(), &place.open()?)?)
        };
        match (source, self.storage.write_device()?) {
            (Some(source), Some(flat)) => {
                let source = source.flatten_all().map_err(failed)?;
                write(&flat, &self.layout, &source).map(|()| true)
            }
            _ => Ok(false),
        }
    }
}
