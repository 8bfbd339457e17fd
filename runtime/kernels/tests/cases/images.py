"""Kernels of images and signals: other sizes, windows, samples on a grid, Fourier transforms."""

import torch
import torch.nn.functional as F

from .asking import C64, C128, F32, F64, FLOATS, INF, NAN, ask, make, strided


def _interpolate(x, sizes, mode, aligned=False, factors=None, antialias=False):
    aligned = None if "nearest" in mode else aligned
    size, factors = (sizes, None) if factors is None else (None, factors)
    return F.interpolate(x, size, factors, mode, aligned, antialias=antialias)


def _resampling(dtype):
    line, image, body = make((2, 3, 5), dtype), make((2, 2, 5, 6), dtype), make((1, 2, 3, 4, 2), dtype)
    # PyTorch rounds the weights of a line of half type, not those of an image.
    for mode in ("nearest", "nearest-exact", *(["linear"] if dtype in (F32, F64) else [])):
        for size in (3, 8, 5, 1):
            ask("interpolate", [line, [size], mode], _interpolate)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        for sizes in ([7, 4], [5, 12], [2, 3], [5, 6]):
            ask("interpolate", [image, sizes, mode], _interpolate)
        ask("interpolate", [image, [7, 9], mode, False, [1.5, 1.5]], _interpolate)
    for mode in ("bilinear", "bicubic"):
        ask("interpolate", [image, [7, 4], mode, True], _interpolate)
        ask("interpolate", [image, [1, 9], mode, True], _interpolate)
        if dtype in (F32, F64):
            for sizes in ([3, 2], [9, 3]):
                ask("interpolate", [image, sizes, mode, False, None, True], _interpolate)
    ask("interpolate", [body, [5, 2, 3], "trilinear", True], _interpolate)
    ask("interpolate", [body, [5, 2, 3], "nearest"], _interpolate)
    ask("interpolate", [strided((2, 2, 5, 6), dtype), [4, 9], "bilinear"], _interpolate)


def _pooling(dtype):
    image = make((2, 3, 5, 6), dtype)
    for options in ([[2, 2]], [[3, 2], [1, 2], [1, 0]], [2, 2, 0, True], [[2, 3], 2, [1, 1], True], [3, [3, 2], 1, True]):
        ask("avg_pool2d", [image, *options], F.avg_pool2d)
        ask("max_pool2d", [image, *(options[:3] + [1] * (len(options) == 4)), *options[3:]], F.max_pool2d)
    for ceil in (False, True):
        ask("avg_pool2d", [image, 3, 2, 1, ceil, False], F.avg_pool2d)
        ask("avg_pool2d", [image[0], [3, 3], 2, 1, ceil, False, 5], F.avg_pool2d)
        ask("max_pool2d", [image[0], [2, 2], 1, [1, 0], [2, 3], ceil], F.max_pool2d)
    ask("avg_pool2d", [image, 2, 1, 2], F.avg_pool2d)
    ask("max_pool2d", [image, 2, 1, 2], F.max_pool2d)
    ask("max_pool2d", [image, 7], F.max_pool2d)
    ask("avg_pool2d", [image, 2, None, 0, False, True, 0], F.avg_pool2d)
    hole = image.clone()
    hole[0, 0, 1, 1], hole[0, 1] = NAN, -INF
    ask("max_pool2d", [hole, 3, 2, 1], F.max_pool2d)
    ask("max_pool2d", [strided((2, 2, 5, 6), dtype), 2], F.max_pool2d)


def _windows(dtype):
    image = make((2, 3, 5, 6), dtype)
    for options in ([[2, 3]], [[2, 2], [2, 1], [1, 0], [2, 1]], [3, 1, 1, 2]):
        ask("im2col", [image, *options], F.unfold)
        columns = F.unfold(image, *options)
        ask("col2im", [columns, [5, 6], *options], F.fold)
    ask("im2col", [image[0], 2], F.unfold)
    ask("col2im", [F.unfold(image[0], 2), [5, 6], 2], F.fold)
    ask("im2col", [image, [7, 7]], F.unfold)


def _transforms(real, complex_):
    x, z = make((2, 3, 6), real), make((2, 5), complex_)
    for norm in ("backward", "ortho", "forward"):
        ask("rfft", [x, None, -1, norm], torch.fft.rfft)
        ask("fft", [z, None, -1, norm], torch.fft.fft)
        ask("ifft", [z, None, -1, norm], torch.fft.ifft)
        ask("irfft", [z, None, -1, norm], torch.fft.irfft)
    for n in (4, 7, 8, 12):
        ask("rfft", [x, n, 1], torch.fft.rfft)
        ask("fft", [x, n, 0], torch.fft.fft)
        ask("ifft", [z, n], torch.fft.ifft)
        ask("irfft", [z, n], torch.fft.irfft)
    ask("rfft", [make((48,), real)], torch.fft.rfft)


def pooling():
    for dtype in FLOATS:
        _pooling(dtype)


def images():
    for dtype in FLOATS:
        _resampling(dtype)
        _windows(dtype)
    for dtype in (F32, F64):
        image, grid = make((2, 3, 4, 5), dtype), make((2, 3, 2, 2), dtype, -1.5, 1.5)
        for mode in ("bilinear", "nearest", "bicubic"):
            for padding in ("zeros", "border", "reflection"):
                for aligned in (False, True):
                    ask("grid_sample", [image, grid, mode, padding, aligned], F.grid_sample)
    _transforms(F32, C64)
    _transforms(F64, C128)
