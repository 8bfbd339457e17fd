"""Kernels that add up: reductions, products, and the complex dtypes."""

import torch
import torch.nn.functional as F

from .asking import BOOL, BF16, F32, F64, C64, C128, WHOLE, FLOATS, ALL, INF, ask, make, strided


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


def shared_heads():
    """Attention whose query heads share key heads."""
    def attend(q, k, v, mask, causal, scale, shared):
        return F.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=scale, enable_gqa=shared)

    for dtype in FLOATS:
        k, v = make((2, 2, 5, 8), dtype), strided((2, 2, 5, 6), dtype)
        for length in (1, 5):
            q = make((2, 6, length, 8), dtype)
            ask("sdpa", [q, k, v, make((2, 1, length, 5), dtype), False, None, True], attend)
            ask("sdpa", [q, k, v, make((2, 6, length, 5), dtype), False, None, True], attend)
            ask("sdpa", [q, k, v, make((length, 5), dtype), False, 0.5, True], attend)
            ask("sdpa", [q, k, v, None, True, None, True], attend)
