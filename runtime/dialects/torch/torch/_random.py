"""Random numbers: seeded, and not those of PyTorch's own generator."""

import _kernels

from . import _kinds
from ._tensor import Tensor, sizes


class Generator:
    """A stream of seeds."""

    def __init__(self, device="cpu"):
        self._state = 0

    def manual_seed(self, seed):
        self._state = int(seed)
        return self

    def initial_seed(self):
        return self._state

    seed = initial_seed

    def next(self):
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**63
        return self._state


default_generator = Generator()


def _seed(generator):
    return (generator or default_generator).next()


def manual_seed(seed):
    return default_generator.manual_seed(seed)


def seed():
    return default_generator.initial_seed()


initial_seed = seed


def get_rng_state():
    return default_generator._state


def set_rng_state(state):
    default_generator._state = state


def rand(*size, generator=None, dtype=None, **ignored):
    shape = sizes(size or (ignored["size"],))
    return _kernels.rand(shape, dtype or _kernels.get_default_dtype(), _seed(generator))


def randn(*size, generator=None, dtype=None, **ignored):
    shape = sizes(size or (ignored["size"],))
    return _kernels.randn(shape, dtype or _kernels.get_default_dtype(), _seed(generator))


def rand_like(input, *, dtype=None, **ignored):
    return rand(input.shape, dtype=dtype or input.dtype)


def randn_like(input, *, dtype=None, **ignored):
    return randn(input.shape, dtype=dtype or input.dtype)


def randint(low, high=None, size=None, *, generator=None, dtype=None, **ignored):
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    draws = rand(size, generator=generator, dtype=_kinds.float64)
    return _kernels.to_dtype(_kernels.floor(draws * (high - low) + low), dtype or _kinds.int64)


def randint_like(input, low, high=None, *, dtype=None, **ignored):
    return randint(low, high, input.shape, dtype=dtype or input.dtype) if high is not None else \
        randint(low, input.shape, dtype=dtype or input.dtype)


def randperm(n, *, generator=None, dtype=None, **ignored):
    order = _kernels.sort(rand(n, generator=generator), -1, False)[1]
    return _kernels.to_dtype(order, dtype or _kinds.int64)


def normal(mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, **ignored):
    if size is None:
        size = mean.shape if isinstance(mean, Tensor) else std.shape
    return randn(size, generator=generator, dtype=dtype) * std + mean


def bernoulli(input, *, generator=None, p=None, **ignored):
    draws = rand(input.shape, generator=generator, dtype=input.dtype)
    return _kernels.to_dtype(_kernels.lt(draws, input if p is None else p), input.dtype)


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    # Gumbel's trick: the largest of log p plus noise is a draw without replacement.
    noise = rand(input.shape, generator=generator, dtype=_kinds.float64)
    scores = _kernels.log(input.double()) - _kernels.log(-_kernels.log(noise))
    return _kernels.topk(scores, num_samples, -1, True)[1]


def uniform_(self, a=0.0, b=1.0, *, generator=None):
    return self.copy_(rand(self.shape, generator=generator, dtype=self.dtype) * (b - a) + a)


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    return self.copy_(randn(self.shape, generator=generator, dtype=self.dtype) * std + mean)


def exponential_(self, lambd=1.0, *, generator=None):
    draws = rand(self.shape, generator=generator, dtype=self.dtype)
    return self.copy_(-_kernels.log1p(-draws) / lambd)


def bernoulli_(self, p=0.5, *, generator=None):
    draws = rand(self.shape, generator=generator)
    return self.copy_(_kernels.lt(draws, p))


def random_(self, low=0, high=None, *, generator=None):
    high = 2**31 if high is None else high
    return self.copy_(randint(low, high, self.shape, generator=generator))
