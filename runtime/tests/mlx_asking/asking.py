"""Runs cases inside the machine, with the dialect's names."""

import _kernels
import mlx.core as mx
import mlx.nn as nn
import mlx.utils


def evaluate(request):
    """For each code the dtype, shape and values of `r`, or the class of the error."""
    return [_answer(code) for code in request["codes"]]


def _answer(code):
    names = {"mx": mx, "nn": nn, "utils": mlx.utils, "r": None}
    try:
        exec(code, names)
        made = names["r"]
        if not isinstance(made, mx.array):
            return {"value": made if isinstance(made, (int, float, str, bool, list)) else str(made)}
        flat = _kernels.tolist(_kernels.reshape(made, (-1,)))
        return {"dtype": made.dtype.name, "shape": list(made.shape),
                "values": [repr(it) if isinstance(it, float) and it - it != 0 else it for it in flat]}
    except (ValueError, TypeError, IndexError, RuntimeError, NotImplementedError, AttributeError) as error:
        return {"error": type(error).__name__, "message": str(error)}
