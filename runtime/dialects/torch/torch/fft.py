"""Fourier transforms: none yet."""


def __getattr__(name):
    raise AttributeError(f"torch.fft has no `{name}` in this dialect")
