//! When work is shared out: small tensors stay on the calling thread, rayon's start-up costs more.

use rayon::prelude::*;

/// Fewer elements than this are computed by the calling thread.
pub(crate) const PARALLEL: usize = 1 << 16;

/// Calls `work(start, chunk)` for chunks of `out`, whose lengths are multiples of `grain`.
pub(crate) fn for_chunks<T: bytemuck::Pod>(
    out: &mut [T],
    grain: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let grain = grain.max(1);
    let threads = rayon::current_num_threads();
    if out.len().saturating_mul(cost.max(1)) < PARALLEL || threads < 2 {
        if !out.is_empty() {
            work(0, out);
        }
        return;
    }
    let target = (out.len() / (threads * 4)).max(1);
    let chunk = target.div_ceil(grain) * grain;
    let size = size_of::<T>();
    share_out(bytemuck::cast_slice_mut(out), chunk * size, &|start, bytes| {
        work(start / size, bytemuck::cast_slice_mut(bytes));
    });
}

/// Not generic: rayon's machinery is compiled once and not for every loop.
fn share_out(out: &mut [u8], chunk: usize, work: &(dyn Fn(usize, &mut [u8]) + Sync)) {
    out.par_chunks_mut(chunk).enumerate().for_each(|(idx, it)| work(idx * chunk, it));
}
