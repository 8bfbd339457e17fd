"""Views and rearrangements."""

import _kernels

from . import _kinds
from ._tensor import Tensor, sizes


def reshape(input, *shape, **names):
    return _kernels.reshape(input, sizes(shape or (names["shape"],)))


def view(self, *shape):
    if len(shape) == 1 and isinstance(shape[0], _kinds.dtype):
        return _kernels.bitcast(self, shape[0])
    return _kernels.view(self, sizes(shape))


def _like_view(self, other):
    return _kernels.view(self, other.shape)


def _like_reshape(self, other):
    return _kernels.reshape(self, other.shape)


def permute(input, *dims):
    return _kernels.permute(input, sizes(dims))


def transpose(input, dim0, dim1):
    return _kernels.transpose(input, dim0, dim1)


swapaxes = swapdims = transpose


def t(input):
    return input if input.ndim < 2 else _kernels.transpose(input, 0, 1)


def movedim(input, source, destination):
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    rank = input.ndim
    source = [it % rank for it in source]
    destination = [it % rank for it in destination]
    rest = iter([it for it in range(rank) if it not in source])
    taken = dict(zip(destination, source))
    return _kernels.permute(input, [taken[it] if it in taken else next(rest) for it in range(rank)])


moveaxis = movedim


def expand(self, *shape, implicit=False):
    return _kernels.expand(self, sizes(shape))


def expand_as(self, other):
    return _kernels.expand(self, other.shape)


def broadcast_to(input, size):
    return _kernels.expand(input, sizes((size,)))


def broadcast_shapes(*shapes):
    rank = max(len(it) for it in shapes)
    result = [1] * rank
    for shape in shapes:
        for place, size in enumerate(shape, rank - len(shape)):
            if size != 1:
                if result[place] not in (1, size):
                    raise RuntimeError(f"shapes {shapes} do not go together")
                result[place] = size
    return _kinds.Size(result)


def broadcast_tensors(*tensors):
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    shape = broadcast_shapes(*[it.shape for it in tensors])
    return tuple(_kernels.expand(it, shape) for it in tensors)


def squeeze(input, dim=None):
    return _kernels.squeeze(input, (dim,) if type(dim) is int else dim)


def unsqueeze(input, dim):
    return _kernels.unsqueeze(input, dim)


def flatten(input, start_dim=0, end_dim=-1):
    rank = input.ndim
    if rank == 0:
        return _kernels.reshape(input, (1,))
    start, end = start_dim % rank, end_dim % rank
    shape = tuple(input.shape)
    merged = 1
    for it in shape[start:end + 1]:
        merged *= it
    return _kernels.reshape(input, shape[:start] + (merged,) + shape[end + 1:])


def ravel(input):
    return _kernels.reshape(input, (-1,))


def unflatten(input, dim, sizes):
    dim %= input.ndim
    shape = tuple(input.shape)
    return _kernels.view(input, shape[:dim] + tuple(sizes) + shape[dim + 1:])


def cat(tensors, dim=0, *, out=None, axis=None):
    return _kernels.cat(tensors if isinstance(tensors, (list, tuple)) else list(tensors),
                        dim if axis is None else axis)


concat = concatenate = cat


def stack(tensors, dim=0, *, out=None):
    return _kernels.stack(tensors if isinstance(tensors, (list, tuple)) else list(tensors), dim)


def hstack(tensors):
    tensors = [it.reshape(1) if it.ndim == 0 else it for it in tensors]
    return _kernels.cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors):
    return _kernels.cat([it.reshape(1, -1) if it.ndim < 2 else it for it in tensors], 0)


def split(input, split_size_or_sections, dim=0):
    if isinstance(split_size_or_sections, Tensor):
        split_size_or_sections = split_size_or_sections.tolist()
    return _several(_kernels.split(input, split_size_or_sections, dim))


def _split_method(self, split_size, dim=0):
    return split(self, split_size, dim)


split_with_sizes = split


def chunk(input, chunks, dim=0):
    return _several(_kernels.chunk(input, chunks, dim))


def tensor_split(input, indices_or_sections, dim=0):
    length = input.shape[dim]
    if isinstance(indices_or_sections, int):
        small, more = divmod(length, indices_or_sections)
        sections = [small + 1] * more + [small] * (indices_or_sections - more)
        return _several(_kernels.split(input, sections, dim))
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    bounds = [0, *indices_or_sections, length]
    return tuple(input.narrow(dim, low, max(high - low, 0)) for low, high in zip(bounds, bounds[1:]))


def unbind(input, dim=0):
    return _several(_kernels.unbind(input, dim))


def _several(result):
    return result if isinstance(result, tuple) else tuple(result)


def narrow(input, dim, start, length):
    return _kernels.narrow(input, dim, int(start), int(length))


def select(input, dim, index):
    return _kernels.select(input, dim, int(index))


def flip(input, *places, dims=None):
    dims = places if dims is None else (dims,)
    return _kernels.flip(input, sizes(dims))


def roll(input, shifts, dims=None):
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None:
        return _kernels.reshape(roll(_kernels.reshape(input, (-1,)), shifts, 0), input.shape)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    for shift, dim in zip(shifts, dims):
        length = input.shape[dim]
        if length and (cut := -shift % length):
            input = _kernels.cat([input.narrow(dim, cut, length - cut), input.narrow(dim, 0, cut)], dim)
    return input


def repeat(self, *repeats):
    return _kernels.repeat(self, sizes(repeats))


def tile(input, *dims):
    dims = sizes(dims)
    return _kernels.repeat(input, (1,) * (input.ndim - len(dims)) + dims)


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    if repeats is None:
        return _kernels.repeat_interleave(
            _kernels.arange(0, input.shape[0], 1, _kinds.int64), input, 0)
    return _kernels.repeat_interleave(input, repeats, dim)


def unfold(self, dimension, size, step):
    return _kernels.unfold(self, dimension, size, step)


def diagonal(input, offset=0, dim1=0, dim2=1):
    return _kernels.diagonal(input, offset, dim1, dim2)


def diag(input, diagonal=0):
    return _kernels.diagonal(input, diagonal, 0, 1) if input.ndim == 2 else diag_embed(input, diagonal)


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    length = input.shape[-1] + abs(offset)
    square = _kernels.full(tuple(input.shape[:-1]) + (length, length), 0, input.dtype)
    _kernels.copy_(_kernels.diagonal(square, offset, -2, -1), input)
    return square if (dim1, dim2) == (-2, -1) else movedim(square, (-2, -1), (dim1, dim2))


def tril(input, diagonal=0, *, out=None):
    return _kernels.tril(input, diagonal)


def triu(input, diagonal=0, *, out=None):
    return _kernels.triu(input, diagonal)


def meshgrid(*tensors, indexing="ij"):
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    if indexing == "xy" and len(tensors) > 1:
        first, second, *rest = meshgrid(tensors[1], tensors[0], *tensors[2:])
        return tuple(it.transpose(0, 1) for it in (second, first, *rest))
    shape = tuple(it.numel() for it in tensors)
    rank = len(shape)
    return tuple(
        _kernels.expand(_kernels.reshape(it, [-1 if at == place else 1 for at in range(rank)]), shape)
        for place, it in enumerate(tensors))


def cartesian_prod(*tensors):
    return _kernels.stack([it.reshape(-1) for it in meshgrid(*tensors)], 1)


def view_as_real(input):
    return _kernels.view_as_real(input)


def view_as_complex(input):
    return _kernels.view_as_complex(input)


def atleast_1d(input):
    return input if input.ndim else _kernels.reshape(input, (1,))


def numel(input):
    return input.numel()


def rot90(input, k=1, dims=(0, 1)):
    for _ in range(k % 4):
        input = _kernels.transpose(_kernels.flip(input, (dims[1],)), dims[0], dims[1])
    return input


METHODS = (
    "reshape", "view", "permute", "transpose", "swapaxes", "swapdims", "t", "movedim", "moveaxis",
    "expand", "expand_as", "broadcast_to", "squeeze", "unsqueeze", "flatten", "ravel", "unflatten",
    "split", "chunk", "tensor_split", "unbind", "narrow", "select", "flip", "roll", "repeat", "tile",
    "repeat_interleave", "unfold", "diagonal", "diag", "diag_embed", "tril", "triu", "rot90",
    "split_with_sizes",
)
for _name in METHODS:
    setattr(Tensor, _name, globals()[_name])
Tensor.split = _split_method
Tensor.view_as = _like_view
Tensor.reshape_as = _like_reshape
Tensor.transpose = _kernels.method("transpose")
Tensor.unsqueeze = unsqueeze
