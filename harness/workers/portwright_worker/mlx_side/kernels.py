"""What MLX's CPU backend lacks and a GPU has: the same sums by other kernels, and said so.

Without this a mixture of experts runs in no dtype but float32 on a machine without a GPU, and the
dtype of its taps could not be checked there. Nothing is substituted where MLX can do it itself.
"""

from __future__ import annotations

from typing import Any, Callable

import mlx.core as mx

from ..session import WorkerError
from . import device

# The kernels that were substituted since this session began.
used: set[str] = set()


def install() -> None:
    """Put the substitutes in place, once, when MLX runs on the CPU."""
    if not device.is_gpu() and not hasattr(mx.gather_mm, "substitute"):
        mx.gather_mm = _gather_mm_with(mx.gather_mm)


def evaluate(*arrays: Any) -> None:
    """``mx.eval``; what the backend cannot run is not the port's failure."""
    try:
        mx.eval(*arrays)
    except RuntimeError as error:
        text = str(error)
        if any(it in text for it in ("only supports", "not supported", "not implemented", "NYI")):
            raise WorkerError("unsupported", "MLX's backend here cannot run this model in this "
                                             f"dtype: {text}") from error
        # Raised here, since nothing is computed before: it is what the port asked for.
        raise WorkerError("exception", f"{type(error).__name__}: {text}") from error


def _gather_mm_with(native: Callable) -> Callable:
    """``gather_mm`` for the dtypes that MLX's CPU kernel refuses (it takes float32 only).

    Narrow types: in float32 and rounded once, as a GPU does. float64: by gathering, then matmul.
    """

    def gather_mm(a: mx.array, b: mx.array, /, lhs_indices: mx.array | None = None,
                  rhs_indices: mx.array | None = None, **options: Any) -> mx.array:
        dtype = a.dtype if a.dtype == b.dtype else mx.result_type(a, b)
        if dtype == mx.float32 or not mx.issubdtype(dtype, mx.floating):
            return native(a, b, lhs_indices, rhs_indices, **options)
        used.add("gather_mm")
        if dtype != mx.float64:
            return native(a.astype(mx.float32), b.astype(mx.float32), lhs_indices, rhs_indices,
                          **options).astype(dtype)
        if lhs_indices is not None:
            a = a.reshape(-1, *a.shape[-2:])[lhs_indices]
        if rhs_indices is not None:
            b = b.reshape(-1, *b.shape[-2:])[rhs_indices]
        return a @ b

    gather_mm.substitute = True
    return gather_mm
