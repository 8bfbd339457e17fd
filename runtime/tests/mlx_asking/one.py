"""One case, whoever answers it: real MLX or the machine's dialect."""

import mlx.core as mx
import mlx.nn as nn
import mlx.utils

ERRORS = (ValueError, TypeError, IndexError, RuntimeError, NotImplementedError)


def answer(code, described, errors=ERRORS):
    """What ``described`` says of the array `r`, its value where it is none, or the class of the error."""
    names = {"mx": mx, "nn": nn, "utils": mlx.utils, "r": None}
    try:
        exec(code, names)
        made = names["r"]
        if not isinstance(made, mx.array):
            return {"value": made if isinstance(made, (int, float, str, bool, list)) else str(made)}
        return {**described(made), "shape": list(made.shape)}
    except errors as error:
        return {"error": type(error).__name__, "message": str(error)}
