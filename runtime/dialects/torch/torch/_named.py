"""Results of several tensors: tuples with names."""


def named(*fields):
    """A class of tuples whose elements have names."""
    return _make(fields)


def _make(fields):
    class Result(tuple):
        __slots__ = ()

        def __new__(cls, *values):
            return tuple.__new__(cls, values)

    for place, field in enumerate(fields):
        setattr(Result, field, property(_Getter(place)))
    return Result


class _Getter:
    def __init__(self, place):
        self._place = place

    def __call__(self, result):
        return result[self._place]
