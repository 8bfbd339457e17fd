"""Questions put to real PyTorch about every kernel, with its answers.

    python torch_cases.py fixtures/torch.jsonl

One JSON object a line: the kernel's name, its arguments, PyTorch's answer or that it refused, and,
for a kernel that writes, the storage of its first argument afterwards. `torch.rs` asks the same.
"""

import json
import math
import sys

import torch
import torch.nn.functional as F

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


def unary():
    plain = ["exp", "exp2", "expm1", "sigmoid", "tanh", "sin", "cos", "atan", "erf", "neg", "abs",
             "sign", "floor", "ceil", "trunc", "frac", "square", "relu", "round", "reciprocal",
             "sinh", "cosh", "tan", "asinh", "erfc"]
    positive = ["log", "log2", "log10", "log1p", "sqrt", "rsqrt"]
    unit = ["asin", "acos", "atanh", "erfinv"]
    for op in plain + positive + unit:
        kernel = {"frac": "frac"}.get(op, op)
        function = getattr(torch, op)
        for dtype in ALL:
            low, high = (0.1, 4) if op in positive else (-0.9, 0.9) if op in unit else (-4, 4)
            ask(kernel, [make((2, 5), dtype, low, high)], function)
        ask(kernel, [make((2, 5), F32, special=True)], function)
        ask(kernel, [make((2, 5), BF16, special=True)], function)
        ask(kernel, [strided((3, 4), F32, low=0.1, high=0.9)], function)
        ask(kernel, [make((0, 3), F32)], function)
        if op not in ("round", "sinh"):
            ask(kernel + "_", [make((2, 3), F32, 0.1, 0.9)], getattr(torch.Tensor, op + "_"))
    for op in ["isnan", "isinf", "isfinite", "isneginf", "isposinf", "logical_not"]:
        for dtype in ALL:
            ask(op, [make((6,), dtype, special=True)], getattr(torch, op))
    for dtype in [BOOL, *WHOLE, F32]:
        ask("bitwise_not", [make((5,), dtype)], torch.bitwise_not)
    for dtype in FLOATS:
        x = make((9,), dtype, -6, 6, special=True)
        # PyTorch has NaN where x is infinite, but not in all of its code paths.
        finite = x[3:].clone()
        ask("gelu", [finite, "none"], lambda x, a: F.gelu(x, approximate=a))
        ask("gelu", [x, "tanh"], lambda x, a: F.gelu(x, approximate=a))
        ask("silu", [x], F.silu)
        ask("mish", [x], F.mish)
        ask("logsigmoid", [x], F.logsigmoid)
        ask("softplus", [x], F.softplus)
        ask("softplus", [x * 8, 2.0, 10.0], F.softplus)
        ask("elu", [x, 0.7], F.elu)
        ask("leaky_relu", [x, 0.2], F.leaky_relu)
        ask("round", [x * 10, 1], lambda x, d: torch.round(x, decimals=d))


def binary():
    ops = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
           "pow": torch.pow, "maximum": torch.maximum, "minimum": torch.minimum,
           "remainder": torch.remainder, "fmod": torch.fmod, "floor_divide": torch.floor_divide,
           "atan2": torch.atan2}
    compare = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt,
               "ge": torch.ge, "logical_and": torch.logical_and, "logical_or": torch.logical_or,
               "logical_xor": torch.logical_xor}
    bits = {"bitwise_and": torch.bitwise_and, "bitwise_or": torch.bitwise_or,
            "bitwise_xor": torch.bitwise_xor}
    for kernel, function in {**ops, **compare}.items():
        low = 1 if kernel in ("remainder", "fmod", "floor_divide", "pow") else -3
        for a in ALL:
            for b in ALL:
                x, y = make((2, 3), a, low, 4), make((3,), b, low, 4)
                if b == BOOL and low == 1:
                    y = torch.ones(3, dtype=BOOL)
                ask(kernel, [x, y], function)
        for dtype in ALL:
            x = make((4,), dtype, low, 4)
            if kernel in ("maximum", "minimum", "logical_and", "logical_or", "logical_xor", "atan2"):
                continue
            for scalar in (True, 2, 0.1, 2.5):
                ask(kernel, [x, scalar], function)
            zero = make((), F64, 1, 4)
            ask(kernel, [x, zero], function)
            ask(kernel, [x, make((), I64, 1, 4)], function)
            ask(kernel, [zero, x.abs() if dtype not in (BOOL,) else x], function)
        special = make((6,), F32, special=True)
        ask(kernel, [special, special.flip(0)], function)
        ask(kernel, [strided((3, 4), F32, low=1), make((3, 1), F32, 1, 4)], function)
        ask(kernel, [make((0, 3), F32), make((3,), F32)], function)
        ask(kernel, [make((2, 3), F32), make((4,), F32)], function)
    for kernel, function in bits.items():
        for a in [BOOL, *WHOLE, F32]:
            for b in [BOOL, *WHOLE]:
                ask(kernel, [make((4,), a), make((4,), b)], function)
    for kernel, function in {"bitwise_left_shift": torch.bitwise_left_shift,
                             "bitwise_right_shift": torch.bitwise_right_shift}.items():
        for a in WHOLE:
            ask(kernel, [make((4,), a), 2], function)
    for dtype in FLOATS + [I64]:
        x, y = make((2, 3), dtype), make((3,), dtype, 1, 4)
        for mode in ("floor", "trunc"):
            ask("div", [x, y, mode], lambda x, y, m: torch.div(x, y, rounding_mode=m))
        ask("add", [x, y, 3], lambda x, y, a: torch.add(x, y, alpha=a))
        ask("rsub", [x, 2], torch.rsub)
        for kernel in ("add_", "sub_", "mul_"):
            ask(kernel, [x.clone(), y], getattr(torch.Tensor, kernel))
            ask(kernel, [strided((3, 3), dtype), y], getattr(torch.Tensor, kernel))
        ask("add_", [make((2, 3), dtype), 0.5], torch.Tensor.add_)
        ask("add_", [make((3,), dtype), make((2, 3), dtype)], torch.Tensor.add_)
        ask("div_", [make((2, 3), dtype), y], torch.Tensor.div_)
    for exponent in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 2.0):
        for dtype in [*FLOATS, I64]:
            ask("pow", [make((5,), dtype, 1, 4), exponent], torch.pow)
        ask("pow", [2, make((5,), F32)], torch.pow)
    big = torch.tensor([2.0**24, 3.0])
    ask("add", [big.bfloat16(), 1.2345], torch.add)
    ask("mul", [big.bfloat16(), 0.1], torch.mul)
    for dtype in FLOATS:
        x = make((2, 4), dtype, special=True)
        ask("clamp", [x, -1, 1.5], torch.clamp)
        ask("clamp", [x, None, 1], torch.clamp)
        ask("clamp", [x, 0.3, None], torch.clamp)
        ask("clamp", [x, make((4,), dtype), None], torch.clamp)
        ask("clamp_", [x.clone(), -1, 1], torch.Tensor.clamp_)
        mask = make((2, 4), BOOL)
        ask("masked_fill", [x, mask, -INF], torch.Tensor.masked_fill)
        ask("masked_fill", [x, mask[0], 3], torch.Tensor.masked_fill)
        ask("masked_fill", [x, mask, torch.tensor(2.5)], torch.Tensor.masked_fill)
        ask("masked_fill_", [strided((2, 4), dtype), mask, 0.1], torch.Tensor.masked_fill_)
        for other in [*FLOATS, I64, BOOL]:
            ask("where", [mask, x, make((4,), other)], torch.where)
        ask("where", [mask, x, 0.1], torch.where)
        ask("where", [mask, 1, x], torch.where)
        ask("isclose", [x, x + 1e-6], torch.isclose)
    ask("clamp", [make((4,), I64), 0, 2], torch.clamp)
    ask("clamp", [make((4,), I64), 0.5, None], torch.clamp)
    ask("where", [make((4,), BOOL), 1, 0], torch.where)
    ask("where", [make((4,), BOOL), 1.5, 0], torch.where)
    ask("masked_fill", [make((4,), I64), make((4,), BOOL), 2], torch.Tensor.masked_fill)
    ask("masked_fill", [make((4,), BOOL), make((4,), BOOL), True], torch.Tensor.masked_fill)
    ask("masked_fill", [make((4,), F32), make((4,), I64), 2], torch.Tensor.masked_fill)


    for dtype in FLOATS + [I64]:
        x, y = make((2, 3), dtype, 1, 4), make((3,), dtype, 1, 4)
        for kernel in ("true_divide", "true_divide_"):
            ask(kernel, [x.clone(), y], getattr(torch.Tensor, kernel))
        ask("trunc_divide", [x, y], lambda x, y: torch.div(x, y, rounding_mode="trunc"))
        ask("xlogy", [x, y], torch.xlogy)
        if dtype in (F32, F64):
            ask("logaddexp", [x - 3, y], torch.logaddexp)
            ask("acosh", [x], torch.acosh)
        ask("equal", [x, x.clone()], torch.equal)
        ask("equal", [x, y], torch.equal)
        ask("zero_", [strided((2, 3), dtype)], torch.Tensor.zero_)
        ask("outer", [y, y], torch.outer)
        for other in (x, y, 2, 0.5, torch.tensor(1.5), True):
            ask("result_type", [x, other], torch.result_type)
    for dtype in (F32, F64):
        ask("hypot", [make((2, 3), dtype), make((3,), dtype)], torch.hypot)


def casts():
    for a in ALL:
        for b in ALL:
            x = make((5,), a, 0 if U8 in (a, b) else -4, 4)
            ask("to_dtype", [x, b], torch.Tensor.to)
        ask("tolist", [make((2, 2), a)], torch.Tensor.tolist)
        ask("item", [make((), a)], torch.Tensor.item)
        for b in [*ALL, C64, C128]:
            ask("promote_types", [a, b], torch.promote_types)
    x = torch.tensor([NAN, INF, -INF, 65504.0, 70000.0, 1e-8, 3.3895e38, 1.00390625])
    for dtype in FLOATS + [BOOL]:
        ask("to_dtype", [x, dtype], torch.Tensor.to)
    for dtype in FLOATS:
        info = torch.finfo(dtype)
        ask("finfo", [dtype], lambda _, i=info: [i.bits, i.eps, i.max, i.min, i.tiny])
    for dtype in WHOLE:
        info = torch.iinfo(dtype)
        ask("iinfo", [dtype], lambda _, i=info: [i.bits, i.max, i.min])
    ask("bitcast", [make((4,), F32), I32], lambda x, d: x.view(d).clone())
    ask("bitcast", [make((4,), BF16), I16], lambda x, d: x.view(d).clone())


def create():
    for dtype in ALL:
        ask("zeros", [[2, 3], dtype], lambda s, d: torch.zeros(s, dtype=d))
        ask("full", [[2, 2], 1.7 if dtype in FLOATS else 1, dtype],
            lambda s, v, d: torch.full(s, v, dtype=d))
        ask("eye", [3, 4, dtype], lambda n, m, d: torch.eye(n, m, dtype=d))
        ask("tril", [make((2, 3, 4), dtype), -1], torch.tril)
        ask("triu", [make((3, 4), dtype), 1], torch.triu)
        ask("fill_", [strided((2, 3), dtype), 1], torch.Tensor.fill_)
    for dtype in [None, *WHOLE, *FLOATS]:
        ask("arange", [0, 7, 2, dtype], lambda a, b, c, d: torch.arange(a, b, c, dtype=d))
        ask("arange", [5, -1, -2, dtype] if dtype != U8 else [1, 5, 1, dtype],
            lambda a, b, c, d: torch.arange(a, b, c, dtype=d))
        ask("arange", [0, 1.0, 0.1, dtype if dtype in FLOATS else None],
            lambda a, b, c, d: torch.arange(a, b, c, dtype=d))
    for dtype in FLOATS:
        ask("linspace", [-1.0, 2.0, 7, dtype], lambda a, b, n, d: torch.linspace(a, b, n, dtype=d))
    for data in ([1, 2], [[1, 2.5], [3, 4]], [True, False], 3, [], [[]], [True, 2]):
        ask("tensor", [data], torch.tensor)
        ask("tensor", [data, F64], lambda x, d: torch.tensor(x, dtype=d))


def shapes():
    x = make((2, 3, 4), F32)
    turned = x.transpose(0, 2)
    for t in (x, turned, x[:, 1:], make((2, 3, 4), I64), make((2, 1, 4), BF16).expand(2, 3, 4)):
        for shape in ([-1], [4, 6], [2, -1, 2], [24, 1], [5, 5], [4, 3, 2], [2, 3, 2, 2]):
            ask("reshape", [t, shape], torch.reshape)
            ask("view", [t, shape], lambda x, s: x.view(s))
        ask("flatten", [t, 0, 1], torch.flatten)
        ask("flatten", [t, -2, -1], torch.flatten)
        ask("unflatten", [t, -1, [-1, t.shape[-1] // 2]], torch.unflatten)
        ask("permute", [t, [2, 0, -2]], torch.permute)
        ask("transpose", [t, -1, 0], torch.transpose)
        ask("movedim", [t, [0], [-1]], torch.movedim)
        ask("movedim", [t, [0, 1], [2, 0]], torch.movedim)
        for dim in (0, 2, -1, -4, 4):
            ask("unsqueeze", [t, dim], torch.unsqueeze)
        ask("expand", [t, [2, *t.shape]], lambda x, s: x.expand(s))
        ask("expand", [t[:, :1], [-1, 5, -1]], lambda x, s: x.expand(s))
        ask("expand", [t, [7, 3, 4]], lambda x, s: x.expand(s))
        ask("narrow", [t, 1, 1, 2], torch.narrow)
        ask("select", [t, -1, -2], torch.select)
        ask("unbind", [t, 1], torch.unbind)
        ask("split", [t, 2, -1], torch.split)
        ask("split", [t, [1, 2], 1], torch.split)
        ask("chunk", [t, 2, 1], torch.chunk)
        ask("chunk", [t, 3, -1], torch.chunk)
        ask("tensor_split", [t, 3, 2], lambda x, s, d: torch.tensor_split(x, s, dim=d))
        ask("tensor_split", [t, [1, 2], 2], lambda x, s, d: torch.tensor_split(x, s, dim=d))
        ask("unfold", [t, 1, 2, 1], lambda x, d, s, t: x.unfold(d, s, t))
        ask("diagonal", [t, 1, 0, 2], torch.diagonal)
        ask("diagonal", [t, -1, 1, 2], torch.diagonal)
        ask("flip", [t, [0, -1]], torch.flip)
        ask("roll", [t, [1, -1], [0, 2]], torch.roll)
        ask("roll", [t, [3]], torch.roll)
        ask("contiguous", [t], lambda x: x.contiguous())
        ask("clone", [t], torch.clone)
        ask("repeat", [t, [2, 1, 3]], lambda x, r: x.repeat(r))
        ask("repeat", [t, [2, 1, 1, 2]], lambda x, r: x.repeat(r))
        ask("repeat_interleave", [t, 2, 1], torch.repeat_interleave)
        ask("repeat_interleave", [t, 2], torch.repeat_interleave)
        ask("cat", [[t, t[:1]], 0], torch.cat)
        ask("cat", [[t, t], -1], torch.cat)
        ask("stack", [[t, t], 1], torch.stack)
        ask("stack", [[t, t], -1], torch.stack)
        if t.dtype != I64:
            for mode, pads in (("constant", [1, 2]), ("constant", [0, 1, 2, 0]), ("constant", [-1, 1]),
                               ("reflect", [1, 1]), ("replicate", [2, 1]), ("circular", [1, 1])):
                ask("pad", [t, pads, mode, 0.5 if mode == "constant" else None], F.pad)
    ask("squeeze", [make((1, 3, 1), F32)], torch.squeeze)
    ask("squeeze", [make((1, 3, 1), F32), [-1]], lambda x, d: torch.squeeze(x, d[0]))
    ask("squeeze", [make((1, 3, 1), F32), [1]], lambda x, d: torch.squeeze(x, d[0]))
    ask("repeat_interleave", [make((3, 2), F32), torch.tensor([0, 2, 1]), 0], torch.repeat_interleave)
    ask("cat", [[make((0,), F32), make((2, 2), F32)], 0], torch.cat)
    ask("cat", [[make((2,), I64), make((2,), BF16), make((1,), F16)], 0], torch.cat)
    ask("cat", [[make((2, 2), F32), make((2, 3), F32)], 0], torch.cat)
    ask("meshgrid", [[torch.arange(2), torch.arange(3)], "ij"], lambda t, i: torch.meshgrid(*t, indexing=i))
    ask("meshgrid", [[torch.arange(2), torch.arange(3)], "xy"], lambda t, i: torch.meshgrid(*t, indexing=i))
    ask("one_hot", [torch.tensor([[0, 2], [1, 0]]), 4], F.one_hot)
    ask("one_hot", [torch.tensor([0, 2])], F.one_hot)
    ask("one_hot", [torch.tensor([0, 5]), 4], F.one_hot)
    ask("diff", [make((2, 5), I64), 1, -1], torch.diff)
    ask("diff", [make((3, 5), F32), 2, 0], torch.diff)
    ask("as_strided", [make((10,), F32), [2, 3], [3, 1], 1], torch.as_strided)
    ask("as_strided", [make((4,), F32), [2, 3], [3, 1], 1], torch.as_strided)
    for a in FLOATS + [I64, BOOL]:
        for b in FLOATS + [I64, BOOL]:
            ask("copy_", [strided((2, 3), a), make((3,), b)], torch.Tensor.copy_)
    ask("copy_", [make((1, 3), F32).expand(2, 3), make((2, 3), F32)], torch.Tensor.copy_)
    ask("copy_", [make((3,), F32), make((2, 3), F32)], torch.Tensor.copy_)


def indexing():
    t = torch.arange(2 * 3 * 4).reshape(2, 3, 4)
    mask = make((2, 3), BOOL)
    mask[0, 1] = True
    i, j = torch.tensor([0, 1, 1]), torch.tensor([[2], [0]])
    entries = [
        [0], [-1], [2], [slice(None, None, None), 1], [Ellipsis, 0], [Ellipsis, slice(1, None, 2)],
        [None, 0, Ellipsis, None], [slice(1, None, None)], [slice(-1, None, None), slice(0, -1, None)],
        [slice(None, None, -1)], [slice(0, 10, 3)], [slice(2, 1, None)], [mask], [mask, 1],
        [mask[0].logical_or(mask[1]).repeat(1)[:2]], [slice(None, None, None), torch.tensor([True, False, True])],
        [i], [i, 1], [slice(None, None, None), i], [i, slice(None, None, None), i], [i, i], [j, i],
        [slice(None, None, None), j, i], [Ellipsis, i], [i, Ellipsis, slice(0, 2, None)],
        [slice(None, None, None), 1, i], [0, slice(None, None, None), i], [i, None, i], [torch.tensor(1)],
        [torch.tensor(1), i], [True], [False], [0, 0, 0, 0], [torch.tensor([5])], [torch.tensor([-2])],
        [torch.tensor([0.5])], [torch.tensor([True, False, True])], [i.int()], [None, Ellipsis],
        [torch.tensor([], dtype=I64)], [slice(None, None, None), None, i],
        [i, slice(1, None, None), torch.tensor([3, 0, 1])],
    ]
    for dtype in (I64, F32, BF16, BOOL):
        for base in (t.to(dtype), t.to(dtype).transpose(0, 2).contiguous().transpose(0, 2)):
            for entry in entries:
                ask("getitem", [base, entry], lambda x, e: x[tuple(e)])
                ask("setitem_", [base.clone(), entry, 1], lambda x, e, v: set_item(x, e, v))
    for entry in entries:
        try:
            out = t[tuple(entry)]
        except (IndexError, RuntimeError, TypeError, ValueError):
            continue
        value = make(out.shape, F32)
        for target in (t.float(), t.bfloat16(), t.float().transpose(0, 1).contiguous().transpose(0, 1)):
            if out.numel() <= 1 or len({*out.reshape(-1).tolist()}) == out.numel():
                ask("setitem_", [target.clone(memory_format=torch.preserve_format), entry, value.to(target.dtype)],
                    lambda x, e, v: set_item(x, e, v))
    x = make((3, 4), F32)
    ask("index_put_", [x.clone(), [torch.tensor([0, 2]), torch.tensor([1, 1])], make((2,), F32), False], torch.Tensor.index_put_)
    ask("index_put_", [x.clone(), [torch.tensor([0, 0])], make((2, 4), F32), True], torch.Tensor.index_put_)
    ask("index_put_", [x.clone(), [torch.tensor([0, 0])], make((2, 4), F64), True], torch.Tensor.index_put_)
    ask("index_put", [x, [torch.tensor([2, 0])], make((2, 4), F32)], torch.index_put)
    for dtype in ALL:
        x = make((3, 4), dtype)
        ask("index_select", [x, 1, torch.tensor([3, 0, 0])], torch.index_select)
        ask("embedding", [torch.tensor([[0, 2], [1, 1]]), x], F.embedding)
        ask("nonzero", [x], torch.nonzero)
        ask("masked_select", [x, make((4,), BOOL)], torch.masked_select)
        index = torch.tensor([[0, 2, 1], [1, 1, 0]])
        ask("gather", [x, 0, index], torch.gather)
        ask("gather", [x.transpose(0, 1), 1, index], torch.gather)
        ask("gather", [x, 1, torch.tensor([[5]])], torch.gather)
        ask("take_along_dim", [x, torch.tensor([[0], [3], [1]]), 1], torch.take_along_dim)
        source = make((2, 3), dtype)
        for kernel in ("scatter", "scatter_"):
            for xs in (x.clone(), strided((3, 4), dtype)):
                if kernel == "scatter_":
                    unique = torch.tensor([[0, 2, 1], [1, 0, 2]])
                    ask(kernel, [xs, 0, unique, source], getattr(torch.Tensor, kernel))
                ask(kernel, [xs, 1, index, 1], getattr(torch.Tensor, kernel))
        for kernel in ("scatter_add", "scatter_add_"):
            ask(kernel, [strided((3, 4), dtype), 0, index, source], getattr(torch.Tensor, kernel))
        if dtype != BOOL:
            for reduce in ("sum", "prod", "mean", "amax", "amin"):
                for own in (True, False):
                    ask("scatter_reduce", [x, 0, index, source, reduce, own],
                        lambda x, d, i, s, r, o: x.scatter_reduce(d, i, s, r, include_self=o))
        rows = torch.tensor([2, 0, 2])
        ask("index_add_", [strided((3, 4), dtype), 0, rows, make((3, 4), dtype)], torch.Tensor.index_add_)
        ask("index_add", [make((4, 3), dtype), 1, rows, make((4, 3), dtype), 2],
            lambda x, d, i, s, a: torch.index_add(x, d, i, s, alpha=a))
        ask("index_copy_", [strided((3, 4), dtype), 1, torch.tensor([3, 1]), make((3, 2), dtype)], torch.Tensor.index_copy_)
        ask("index_fill_", [strided((3, 4), dtype), 1, torch.tensor([3, 1]), 1], torch.Tensor.index_fill_)
        ask("index_copy", [x, 1, torch.tensor([3, 1]), make((3, 2), dtype)], torch.index_copy)
        ask("index_fill", [x, 1, torch.tensor([3, 1]), 1], torch.index_fill)
        m = make((3, 4), BOOL)
        ask("masked_scatter", [x, m, make((12,), dtype)], torch.Tensor.masked_scatter)
        ask("masked_scatter_", [strided((3, 4), dtype), m, make((12,), dtype)], torch.Tensor.masked_scatter_)
    ask("masked_scatter", [make((4,), F32), torch.ones(4).bool(), make((2,), F32)], torch.Tensor.masked_scatter)
    ask("scatter_", [make((3, 4), F32), 0, torch.tensor([[7]]), 1.0], torch.Tensor.scatter_)
    ask("scatter_", [make((3,), F32), 0, torch.tensor([1]), make((1,), F64)], torch.Tensor.scatter_)


def set_item(x, entry, value):
    x[tuple(entry)] = value
    return x


def reduces():
    for dtype in ALL:
        for t in (make((2, 3, 4), dtype), strided((2, 3, 4), dtype)):
            for dims, keep in ((None, False), ([0], True), ([-1], False), ([0, 2], False), ([1, -1], True)):
                ask("sum", [t, dims, keep], lambda x, d, k: torch.sum(x, d, k) if d else torch.sum(x))
                ask("mean", [t, dims, keep], lambda x, d, k: torch.mean(x, d, k) if d else torch.mean(x))
                ask("amax", [t, dims, keep], lambda x, d, k: torch.amax(x, d or (), k))
                ask("amin", [t, dims, keep], lambda x, d, k: torch.amin(x, d or (), k))
                if dims is None or len(dims) == 1:
                    ask("all", [t, dims, keep], lambda x, d, k: torch.all(x, d[0], k) if d else torch.all(x))
                    ask("any", [t, dims, keep], lambda x, d, k: torch.any(x, d[0], k) if d else torch.any(x))
            ask("prod", [t, [1], False], lambda x, d, k: torch.prod(x, d[0], k))
            ask("max_dim", [t, 1, True], lambda x, d, k: list(torch.max(x, d, k)))
            ask("min_dim", [t, -1, False], lambda x, d, k: list(torch.min(x, d, k)))
            ask("argmax", [t, 1, False], torch.argmax)
            ask("argmin", [t], torch.argmin)
            ask("count_nonzero", [t, [1]], torch.count_nonzero)
            for correction in (0, 1):
                ask("var", [t, [-1], correction, True], lambda x, d, c, k: torch.var(x, d, correction=c, keepdim=k))
            ask("std", [t, None, 1, False], lambda x, d, c, k: torch.std(x))
            for p in (2, 1, INF, 3.0, 0):
                ask("norm", [t, p, [-1], True], lambda x, p, d, k: torch.linalg.vector_norm(x, p, d, k))
            ask("logsumexp", [t, [1], False], lambda x, d, k: torch.logsumexp(x, d, k))
            for op in ("cumsum", "cumprod"):
                ask(op, [t, 1], getattr(torch, op))
            for op in ("cummax", "cummin"):
                ask(op, [t, -1], lambda x, d, o=op: list(getattr(torch, o)(x, d)))
            if dtype in FLOATS:
                ask("logcumsumexp", [t, 1], torch.logcumsumexp)
                ask("softmax", [t, 1], torch.softmax)
                ask("softmax", [t, -1, F32], lambda x, d, t: torch.softmax(x, d, dtype=t))
                ask("log_softmax", [t, -1], torch.log_softmax)
                w, b = make((4,), dtype), make((4,), dtype)
                ask("layer_norm", [t, [4], w, b, 1e-6], F.layer_norm)
                ask("layer_norm", [t, [3, 4]], F.layer_norm)
                ask("rms_norm", [t, [4], w, 1e-6], F.rms_norm)
                ask("rms_norm", [t, [4]], F.rms_norm)
                ask("group_norm", [make((2, 6, 3), dtype), 3, make((6,), dtype), make((6,), dtype), 1e-5], F.group_norm)
            ask("sum", [t, [0], False, F64], lambda x, d, k, t: torch.sum(x, d, k, dtype=t))
    special = make((3, 5), F32, special=True)
    for op in ("sum", "mean", "amax", "amin", "logsumexp"):
        ask(op, [special, [1], False], lambda x, d, k, o=op: getattr(torch, o)(x, d, k))
    for op in ("max", "min"):
        ask(op + "_dim", [special, 1, False], lambda x, d, k, o=op: list(getattr(torch, o)(x, d, k)))
    ask("argmax", [special, 1, False], torch.argmax)
    ask("cummax", [special, 1], lambda x, d: list(torch.cummax(x, d)))
    ask("softmax", [special, 1], torch.softmax)
    hidden = torch.tensor([[0.0, -INF, 1.0], [-INF, -INF, -INF]])
    for dtype in FLOATS:
        ask("softmax", [hidden.to(dtype), -1], torch.softmax)
        ask("log_softmax", [hidden.to(dtype), -1], torch.log_softmax)
    ask("logcumsumexp", [hidden, 1], torch.logcumsumexp)
    empty = make((0, 3), F32)
    for op in ("sum", "mean", "prod", "amax"):
        ask(op, [empty, [0], False], lambda x, d, k, o=op: getattr(torch, o)(x, d[0] if o == "prod" else d, k))
    ask("argmax", [empty, 0, False], torch.argmax)
    ask("softmax", [empty, 0], torch.softmax)
    ask("sum", [make((), F32), [0], False], lambda x, d, k: torch.sum(x, d, k))


def sorts():
    for dtype in ALL:
        t = make((3, 6), dtype)
        if dtype not in (BOOL,):
            t = (torch.stack([torch.randperm(6, generator=generator) for _ in range(3)])).to(dtype)
        for descending in (False, True):
            ask("sort", [t, -1, descending], lambda x, d, r: list(torch.sort(x, d, r, stable=True)) if False else list(torch.sort(x, dim=d, descending=r, stable=True)))
            ask("sort", [make((6, 2), dtype), 0, descending], lambda x, d, r: list(torch.sort(x, dim=d, descending=r, stable=True)))
            ask("argsort", [t, 1, descending], lambda x, d, r: torch.argsort(x, dim=d, descending=r, stable=True))
        if dtype != BOOL:
            for largest in (True, False):
                ask("topk", [t, 3, -1, largest], lambda x, k, d, l: list(torch.topk(x, k, d, l)))
            ask("kthvalue", [t, 2, -1, True], lambda x, k, d, p: list(torch.kthvalue(x, k, d, p)))
        ask("unique_consecutive", [make((7,), dtype)], lambda x: list(torch.unique_consecutive(x, return_inverse=True, return_counts=True)))
        ask("unique", [make((2, 4), dtype)], lambda x: list(torch.unique(x, return_inverse=True, return_counts=True)))
        edges = torch.tensor([0, 1, 3]).to(dtype if dtype != BOOL else I64)
        for right in (False, True):
            ask("searchsorted", [edges, make((2, 3), edges.dtype), right], lambda e, x, r: torch.searchsorted(e, x, right=r))
            ask("bucketize", [make((2, 3), edges.dtype), edges, right], lambda x, e, r: torch.bucketize(x, e, right=r))
        ask("isin", [make((2, 3), edges.dtype), edges], torch.isin)
    special = make((2, 6), F32, special=True)
    for descending in (False, True):
        ask("sort", [special, -1, descending], lambda x, d, r: list(torch.sort(x, dim=d, descending=r, stable=True)))
    ask("topk", [special, 9, -1, True], lambda x, k, d, l: list(torch.topk(x, k, d, l)))
    for dtype in WHOLE:
        ask("bincount", [make((9,), dtype, 0, 5), None, 4], torch.bincount)
    ask("bincount", [make((5,), I64, 0, 3), make((5,), F32)], torch.bincount)
    for dtype in (F32, F64):
        ask("histc", [make((9,), dtype), 4, -2.0, 2.0], torch.histc)
        ask("histc", [make((9,), dtype), 5, 0, 0], torch.histc)
    ask("histc", [make((9,), I64), 5, 0, 4], torch.histc)


def products():
    for dtype in [*FLOATS, *WHOLE, BOOL]:
        pairs = [((3, 4), (4, 2)), ((4,), (4,)), ((4,), (4, 2)), ((3, 4), (4,)), ((2, 3, 4), (4, 2)),
                 ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((0, 4), (4, 2)), ((3, 0), (0, 2)),
                 ((3, 4), (3, 2)), ((2, 3, 4), (4,))]
        for a, b in pairs:
            ask("matmul", [make(a, dtype), make(b, dtype)], torch.matmul)
        ask("matmul", [strided((3, 4), dtype), make((2, 4), dtype).T], torch.matmul)
        ask("matmul", [make((2, 3, 4), dtype).transpose(0, 1), make((3, 4, 2), dtype)], torch.matmul)
        if dtype in FLOATS:
            for shape in ((3, 4), (4,), (2, 3, 4), (1, 4)):
                ask("linear", [make(shape, dtype), make((5, 4), dtype)], F.linear)
                ask("linear", [make(shape, dtype), make((5, 4), dtype), make((5,), dtype)], F.linear)
            ask("linear", [strided((3, 4), dtype), strided((5, 4), dtype)], F.linear)
            ask("addmm", [make((3, 2), dtype), make((3, 4), dtype), make((4, 2), dtype), 0.5, 2],
                lambda x, a, b, p, q: torch.addmm(x, a, b, beta=p, alpha=q))
            ask("addmm", [make((2, 3, 2), dtype), make((2, 3, 4), dtype), make((2, 4, 2), dtype)], torch.baddbmm)
            ask("baddbmm_", [make((2, 3, 2), dtype), make((2, 3, 4), dtype), make((2, 4, 2), dtype)], torch.Tensor.baddbmm_)
            for equation, sizes in (("ij,jk->ik", ((2, 3), (3, 4))), ("bij,bjk->bik", ((2, 2, 3), (2, 3, 2))),
                                    ("ij->ji", ((2, 3),)), ("ii->i", ((3, 3),)), ("ij->", ((2, 3),)),
                                    ("i,j->ij", ((2,), (3,))), ("...ij,...jk->...ik", ((2, 2, 3), (3, 2))),
                                    ("bhqd,bhkd->bhqk", ((1, 2, 2, 3), (1, 2, 3, 3))), ("ij,jk", ((2, 3), (3, 2))),
                                    ("bi,ij,bj->b", ((2, 3), (3, 4), (2, 4))), ("bsd,hd->bsh", ((2, 2, 3), (4, 3)))):
                ask("einsum", [equation, [make(s, dtype) for s in sizes]], lambda e, t: torch.einsum(e, *t))
            for upper in (True, False):
                for left in (True, False):
                    for unit in (True, False):
                        a = make((2, 3, 3), dtype, 1, 3)
                        b = make((2, 3, 3), dtype)
                        ask("solve_triangular", [a, b, upper, left, unit],
                            lambda a, b, u, l, n: torch.linalg.solve_triangular(a, b, upper=u, left=l, unitriangular=n))
            q, k, v = make((2, 4, 3, 8), dtype), make((2, 4, 5, 8), dtype), make((2, 4, 5, 6), dtype)
            mask = make((2, 1, 3, 5), BOOL)
            mask[..., 0] = True
            bias = make((3, 5), dtype)
            attend = F.scaled_dot_product_attention
            ask("sdpa", [q, k, v], attend)
            ask("sdpa", [q, k, v, mask], attend)
            ask("sdpa", [q, k, v, bias], attend)
            ask("sdpa", [k, k, v, None, True], lambda q, k, v, m, c: attend(q, k, v, is_causal=c))
            ask("sdpa", [q, k[:, :2], v[:, :2], None, False, 0.3, True],
                lambda q, k, v, m, c, s, g: attend(q, k, v, is_causal=c, scale=s, enable_gqa=g))
            blind = mask.clone()
            blind[0, 0, 1] = False
            ask("sdpa", [q, k, v, blind], attend)
            x = make((2, 4, 7), dtype)
            for weight, kw in (((6, 4, 3), [1, 1, 1, 1]), ((6, 4, 2), [2, 0, 2, 1]), ((4, 1, 3), [1, 2, 1, 4]), ((6, 2, 3), [1, 0, 1, 2])):
                w = make(weight, dtype)
                stride, padding, dilation, groups = kw
                ask("conv1d", [x, w, None, [stride], [padding], [dilation], groups], F.conv1d)
                ask("conv1d", [x, w, make((weight[0],), dtype), [stride], [padding], [dilation], groups], F.conv1d)
            ask("conv1d", [x, make((4, 4, 4), dtype), None, [1], "same", [1], 1], F.conv1d)
            ask("conv1d", [x[0], make((4, 4, 3), dtype)], F.conv1d)
            y = make((2, 4, 5, 6), dtype)
            ask("conv2d", [y, make((3, 4, 2, 3), dtype), make((3,), dtype), [2, 1], [1, 0], [1, 2], 1], F.conv2d)
            ask("conv2d", [y, make((4, 1, 2, 2), dtype), None, [1, 1], [0, 0], [1, 1], 4], F.conv2d)
            ask("conv3d", [make((1, 2, 3, 4, 4), dtype), make((3, 2, 2, 2, 2), dtype), None, [1, 2, 2]], F.conv3d)
            ask("avg_pool2d", [y, [2, 2]], F.avg_pool2d)
            ask("avg_pool2d", [y, [3, 2], [1, 2], [1, 0], False, False], F.avg_pool2d)
    ask("matmul", [make((2, 2), F32), make((2, 2), BF16)], torch.matmul)


def complexes():
    for real, dtype in ((F32, C64), (F64, C128)):
        x, y = make((2, 3), dtype), make((3,), dtype)
        ask("view_as_real", [x], torch.view_as_real)
        ask("view_as_complex", [make((2, 3, 2), real)], torch.view_as_complex)
        ask("polar", [make((3,), real, 0, 3), make((3,), real)], torch.polar)
        ask("complex", [make((3,), real), make((3,), real)], torch.complex)
        for op in ("real", "imag"):
            ask(op, [x], getattr(torch, op))
        ask("conj", [x], lambda x: torch.conj(x).resolve_conj())
        ask("angle", [x], torch.angle)
        ask("complex_abs", [x], torch.abs)
        ask("complex_exp", [x], torch.exp)
        for op, kernel in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("div", "div")):
            ask(kernel, [x, y], getattr(torch, op))
            ask(kernel, [x, make((3,), real, 1, 2)], getattr(torch, op))
            ask(kernel, [x, 2.5], getattr(torch, op))
        ask("eq", [x, x], torch.eq)
        ask("matmul", [make((2, 3), dtype), make((3, 2), dtype)], torch.matmul)
        ask("reshape", [x.transpose(0, 1), [-1]], torch.reshape)
        ask("sum", [x, [0], False], lambda x, d, k: torch.sum(x, d, k))
        ask("cat", [[x, x], 0], torch.cat)
        ask("getitem", [x, [slice(None, None, None), 1]], lambda x, e: x[tuple(e)])
        ask("unsqueeze", [x, 1], torch.unsqueeze)
        ask("to_dtype", [x, C128], torch.Tensor.to)


torch.set_num_threads(1)
for family in (unary, binary, casts, create, shapes, indexing, reduces, sorts, products, complexes):
    family()
with open(sys.argv[1], "w") as out:
    out.write(json.dumps({"torch": torch.__version__, "cases": len(CASES)}) + "\n")
    for row in CASES:
        out.write(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n")
print(len(CASES), "cases")
