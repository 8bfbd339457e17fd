"""Fourier transforms; over several dimensions one after the other."""

import _kernels


def fft(input, n=None, dim=-1, norm=None):
    return _kernels.fft(input, n, dim, norm or "backward")


def ifft(input, n=None, dim=-1, norm=None):
    return _kernels.ifft(input, n, dim, norm or "backward")


def rfft(input, n=None, dim=-1, norm=None):
    return _kernels.rfft(input, n, dim, norm or "backward")


def irfft(input, n=None, dim=-1, norm=None):
    return _kernels.irfft(input, n, dim, norm or "backward")


def _over(transform):
    def several(input, s=None, dim=None, norm=None):
        if dim is None:
            dim = tuple(range(-len(s), 0)) if s is not None else tuple(range(input.ndim))
        for place, it in enumerate(dim):
            input = transform(input, None if s is None else s[place], it, norm)
        return input

    return several


fftn, ifftn = _over(fft), _over(ifft)


def fft2(input, s=None, dim=(-2, -1), norm=None):
    return fftn(input, s, dim, norm)


def ifft2(input, s=None, dim=(-2, -1), norm=None):
    return ifftn(input, s, dim, norm)


def rfft2(input, s=None, dim=(-2, -1), norm=None):
    return rfftn(input, s, dim, norm)


def irfft2(input, s=None, dim=(-2, -1), norm=None):
    return irfftn(input, s, dim, norm)


def rfftn(input, s=None, dim=(-2, -1), norm=None):
    output = rfft(input, None if s is None else s[-1], dim[-1], norm)
    return fftn(output, None if s is None else s[:-1], dim[:-1], norm)


def irfftn(input, s=None, dim=(-2, -1), norm=None):
    output = ifftn(input, None if s is None else s[:-1], dim[:-1], norm)
    return irfft(output, None if s is None else s[-1], dim[-1], norm)


def __getattr__(name):
    raise AttributeError(f"torch.fft has no `{name}` in this dialect")
