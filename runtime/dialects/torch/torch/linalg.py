"""Norms and solvers."""

import _kernels


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    x = x if dtype is None else x.to(dtype)
    return _kernels.norm(x, float(ord), (dim,) if isinstance(dim, int) else dim, keepdim)


def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    if ord not in (None, 2, "fro", 1, float("inf")) or ord not in (None, "fro") and dim is None:
        raise NotImplementedError(f"linalg.norm() of order {ord}")
    return vector_norm(A, 2 if ord in (None, "fro") else ord, dim, keepdim, dtype=dtype)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    if ord != "fro":
        raise NotImplementedError(f"linalg.matrix_norm() of order {ord}")
    return vector_norm(A, 2, dim, keepdim, dtype=dtype)


def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    return _kernels.solve_triangular(A, B, upper, left, unitriangular)


def inv(A):
    raise NotImplementedError("linalg.inv()")


def matmul(input, other):
    return _kernels.matmul(input, other)


def __getattr__(name):
    raise AttributeError(f"torch.linalg has no `{name}` in this dialect")
