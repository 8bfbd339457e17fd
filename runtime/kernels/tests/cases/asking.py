"""How a question is put to PyTorch and its answer is written down; tensors to ask with."""

import json
import math

import torch

BOOL, U8, I8, I16, I32, I64 = (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
F16, BF16, F32, F64 = torch.float16, torch.bfloat16, torch.float32, torch.float64
C64, C128 = torch.complex64, torch.complex128
WHOLE = [U8, I8, I16, I32, I64]
FLOATS = [F16, BF16, F32, F64]
ALL = [BOOL, *WHOLE, *FLOATS]
NAN, INF = math.nan, math.inf

generator = torch.Generator().manual_seed(20)
CASES = []


def name(dtype):
    return str(dtype).removeprefix("torch.")


def number(x):
    if isinstance(x, bool) or isinstance(x, int):
        return x
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return x


def tensor_data(t):
    t = t.detach().contiguous()
    if t.is_complex():
        t = torch.view_as_real(t)
    if t.is_floating_point():
        t = t.double()
    return [number(x) for x in t.reshape(-1).tolist()]


def storage_of(t):
    size = t.untyped_storage().nbytes() // t.element_size()
    return t.detach().as_strided((size,), (1,), 0)


def encode(x):
    if isinstance(x, torch.Tensor):
        if x.is_contiguous() and x.storage_offset() == 0:
            return {"dtype": name(x.dtype), "shape": list(x.shape), "data": tensor_data(x)}
        return {
            "dtype": name(x.dtype), "shape": list(x.shape), "strides": list(x.stride()),
            "offset": x.storage_offset(), "data": tensor_data(storage_of(x)),
        }
    if isinstance(x, torch.dtype):
        return {"name": name(x)}
    if isinstance(x, float):
        return {"float": number(x)}
    if isinstance(x, complex):
        return {"complex": [x.real, x.imag]}
    if isinstance(x, slice):
        return {"slice": [x.start, x.stop, x.step]}
    if x is Ellipsis:
        return {"ellipsis": True}
    if isinstance(x, (list, tuple)):
        return [encode(it) for it in x]
    return x


def ask(kernel, args, function, writes=None):
    writes = kernel.endswith("_") if writes is None else writes
    row = {"kernel": kernel, "args": encode(args)}
    try:
        out = function(*args)
        row["out"] = encode([t.contiguous() if isinstance(t, torch.Tensor) else t for t in out]
                            if isinstance(out, (list, tuple)) else
                            (out.contiguous().clone() if isinstance(out, torch.Tensor) else out))
        if writes:
            row["after"] = tensor_data(storage_of(args[0]))
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError) as error:
        row["refused"] = type(error).__name__
    CASES.append(row)


def make(shape, dtype, low=-4, high=4, special=False):
    count = math.prod(shape)
    if dtype == BOOL:
        return torch.randint(0, 2, shape, generator=generator).bool()
    if dtype in WHOLE:
        low = max(low, 0) if dtype == U8 else low
        return torch.randint(int(low), int(high) + 1, shape, generator=generator).to(dtype)
    if dtype in (C64, C128):
        real = F32 if dtype == C64 else F64
        return torch.complex(make(shape, real), make(shape, real))
    out = torch.rand(shape, generator=generator, dtype=F64) * (high - low) + low
    out = (out * 64).round() / 64
    if special and count >= 4:
        flat = out.reshape(-1)
        flat[0], flat[1], flat[2], flat[3] = NAN, INF, -INF, 0.0
    return out.to(dtype)


def strided(shape, dtype, **kw):
    """A transposed window with an offset, over a larger storage."""
    base = make((shape[-1] + 1, *shape[:-1]), dtype, **kw)
    return base[1:].movedim(0, -1)
