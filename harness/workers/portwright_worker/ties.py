"""Where a top-k had to choose among equals: two libraries may choose differently there."""

import _kernels

_topk = _kernels.topk


class Ties:
    """Counts the rows whose last chosen value equals the first that was not chosen."""

    def __init__(self):
        self.count = 0

    def __enter__(self):
        _kernels.topk = self._watched
        return self

    def __exit__(self, *exception):
        _kernels.topk = _topk
        return False

    def _watched(self, x, k, dim, largest):
        if x.ndim and k < x.shape[dim]:
            values = _topk(x, k + 1, dim, largest)[0]
            last, next_one = values.select(dim, k - 1), values.select(dim, k)
            self.count += int(_kernels.sum(_kernels.eq(last, next_one), None, False, None).item())
        return _topk(x, k, dim, largest)
