"""Numpy is not here: what library files name while they are imported, and nothing that computes."""


class ndarray:
    """Nothing is an instance of this."""


class generic:
    """Nothing is an instance of this."""


class dtype:
    """Nothing is an instance of this."""


number = floating = integer = bool_ = generic
int8 = int16 = int32 = int64 = uint8 = float16 = float32 = float64 = generic
inf, nan, pi, newaxis = float("inf"), float("nan"), 3.141592653589793, None


def prod(values, **options):
    result = 1
    for it in values:
        result *= it
    return result


def sqrt(value):
    return value ** 0.5


def log2(value):
    import math

    return math.log2(value)


def log(value):
    import math

    return math.log(value)


def __getattr__(name):
    raise AttributeError(f"numpy.{name}: there is no numpy here")
