"""Gathering, scattering, masking and sorting."""

import _kernels

from . import _kinds
from ._named import named
from ._tensor import Tensor, index_of

_Ordered = named("values", "indices")


def gather(input, dim, index, *, sparse_grad=False, out=None):
    return _kernels.gather(input, dim, index)


def take_along_dim(input, indices, dim=None):
    if dim is None:
        return _kernels.gather(input.reshape(-1), 0, indices.reshape(-1))
    dim %= input.ndim
    shape = [max(a, b) if at != dim else None
             for at, (a, b) in enumerate(zip(input.shape, indices.shape))]
    source = [input.shape[dim] if it is None else it for it in shape]
    wanted = [indices.shape[dim] if it is None else it for it in shape]
    return _kernels.gather(_kernels.expand(input, source), dim, _kernels.expand(indices, wanted))


def take(input, index):
    return _kernels.reshape(_kernels.gather(input.reshape(-1), 0, index.reshape(-1)), index.shape)


def scatter(input, dim, index, src=None, *, reduce=None, value=None):
    source = value if src is None else src
    if reduce is not None:
        kind = {"add": "sum", "multiply": "prod"}[reduce]
        return _kernels.scatter_reduce(input, dim, index, source, kind, True)
    return _kernels.scatter(input, dim, index, source)


def scatter_add(input, dim, index, src):
    return _kernels.scatter_add(input, dim, index, src)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    return _kernels.scatter_reduce(input, dim, index, src, reduce, include_self)


def index_select(input, dim, index):
    return _kernels.index_select(input, dim, index)


def index_add(input, dim, index, source, *, alpha=1):
    return _kernels.index_add(input, dim, index, source, alpha)


def index_copy(input, dim, index, source):
    return _kernels.index_copy(input, dim, index, source)


def index_fill(input, dim, index, value):
    return _kernels.index_fill(input, dim, index, value)


def index_put(input, indices, values, accumulate=False):
    result = _kernels.clone(input)
    return index_put_(result, indices, values, accumulate)


def index_put_(self, indices, values, accumulate=False):
    if accumulate:
        return _kernels.index_put_(self, index_of(tuple(indices)), values, True)
    _kernels.setitem_(self, index_of(tuple(indices)), values)
    return self


def masked_fill(input, mask, value):
    return _kernels.masked_fill(input, mask, value)


def masked_select(input, mask):
    return _kernels.masked_select(input, mask)


def masked_scatter(input, mask, source):
    return _kernels.masked_scatter(input, mask, source)


def nonzero(input, *, as_tuple=False, out=None):
    places = _kernels.nonzero(input)
    return tuple(_kernels.unbind(places, 1)) if as_tuple else places


def argwhere(input):
    return _kernels.nonzero(input)


def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    return _Ordered(*_kernels.topk(input, int(k), dim, largest))


def kthvalue(input, k, dim=-1, keepdim=False):
    values, indices = _kernels.sort(input, dim, False)
    values, indices = values.narrow(dim, k - 1, 1), indices.narrow(dim, k - 1, 1)
    return _Ordered(values, indices) if keepdim else _Ordered(values.squeeze(dim), indices.squeeze(dim))


def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    return _Ordered(*_kernels.sort(input, dim, descending))


def argsort(input, dim=-1, descending=False, stable=False):
    return _kernels.sort(input, dim, descending)[1]


def msort(input):
    return _kernels.sort(input, 0, False)[0]


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    right = right or side == "right"
    if not isinstance(input, Tensor):
        input = _kernels.full((), input, sorted_sequence.dtype)
    result = _kernels.searchsorted(sorted_sequence, input, right)
    return _kernels.to_dtype(result, _kinds.int32) if out_int32 else result


def bucketize(input, boundaries, *, out_int32=False, right=False):
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    if dim is not None:
        raise NotImplementedError("unique() of the slices along a dimension")
    return _chosen(_kernels.unique(input), return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    if dim not in (None, 0, -1) or dim is not None and input.ndim > 1:
        raise NotImplementedError("unique_consecutive() of the slices along a dimension")
    return _chosen(_kernels.unique_consecutive(input), return_inverse, return_counts)


def _chosen(found, return_inverse, return_counts):
    values, inverse, counts = found
    result = (values,) + (inverse,) * return_inverse + (counts,) * return_counts
    return result if len(result) > 1 else values


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    if not isinstance(test_elements, Tensor):
        test_elements = _kernels.full((1,), test_elements, elements.dtype)
    if not isinstance(elements, Tensor):
        elements = _kernels.full((), elements, test_elements.dtype)
    pairs = _kernels.eq(_kernels.unsqueeze(elements, -1), test_elements.reshape(-1))
    found = _kernels.any(pairs, (-1,), False)
    return _kernels.logical_not(found) if invert else found


def bincount(input, weights=None, minlength=0):
    return _kernels.bincount(input, weights, minlength)


def histc(input, bins=100, min=0, max=0, *, out=None):
    return _kernels.histc(input, bins, min, max)


METHODS = (
    "gather", "take_along_dim", "take", "scatter", "scatter_add", "scatter_reduce", "index_select",
    "index_add", "index_copy", "index_fill", "index_put", "index_put_", "masked_fill",
    "masked_select", "masked_scatter", "nonzero", "argwhere", "topk", "kthvalue", "sort", "argsort",
    "msort", "unique", "unique_consecutive", "isin", "bincount", "histc",
)
for _name in METHODS:
    setattr(Tensor, _name, globals()[_name])
