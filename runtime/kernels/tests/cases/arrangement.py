"""Kernels that move elements: shapes, indexing, sorting."""

import torch
import torch.nn.functional as F

from .asking import (
    BOOL, I64, F16, BF16, F32, F64, WHOLE, FLOATS, ALL, generator, ask, make, strided,
)


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
