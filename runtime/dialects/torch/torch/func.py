"""Functions of functions."""

from . import _shape


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """Calls a function once for every element along a dimension and stacks the results."""

    def mapped(*args):
        dims = (in_dims,) * len(args) if isinstance(in_dims, int) or in_dims is None else in_dims
        length = next(it.shape[dim] for it, dim in zip(args, dims) if dim is not None)
        rows = [func(*[it if dim is None else it.select(dim, place) for it, dim in zip(args, dims)])
                for place in range(length)]
        if isinstance(rows[0], tuple):
            return tuple(_shape.stack(list(it), out_dims) for it in zip(*rows))
        return _shape.stack(rows, out_dims)

    return mapped


def functional_call(module, parameters, args, kwargs=None):
    raise NotImplementedError("torch.func.functional_call")
