"""Kernels that compute element by element, casts, and tensors made from nothing."""

import torch
import torch.nn.functional as F

from .asking import (
    BOOL, U8, I16, I32, I64, BF16, F32, F64, C64, C128, WHOLE, FLOATS, ALL, NAN, INF, ask,
    make, strided,
)


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
