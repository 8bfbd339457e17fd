"""Convolutions, pooling and resampling."""

import _kernels


def _each(value, rank):
    return [int(value)] * rank if not isinstance(value, (tuple, list)) else [int(it) for it in value]


def _conv(rank):
    name = f"conv{rank}d"

    def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        alone = input.ndim == rank + 1
        if alone:
            input = input.unsqueeze(0)
        stride, dilation = _each(stride, rank), _each(dilation, rank)
        if padding == "valid":
            padding = 0
        if padding == "same":
            input, padding = _same(input, weight, dilation, rank), 0
        result = getattr(_kernels, name)(input, weight, bias, stride, _each(padding, rank), dilation, groups)
        return result.squeeze(0) if alone else result

    return conv


def _same(input, weight, dilation, rank):
    pads = []
    for place in reversed(range(rank)):
        total = dilation[place] * (weight.shape[2 + place] - 1)
        pads += [total // 2, total - total // 2]
    return _kernels.pad(input, pads, "constant", 0)


conv1d, conv2d, conv3d = _conv(1), _conv(2), _conv(3)


def _conv_transpose(rank, conv):
    def transposed(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                   dilation=1):
        stride, padding = _each(stride, rank), _each(padding, rank)
        more, dilation = _each(output_padding, rank), _each(dilation, rank)
        # Zeros between the elements, then an ordinary convolution with the mirrored kernel.
        for place in range(rank):
            input = _spread(input, 2 + place, stride[place])
        pads = []
        for place in reversed(range(rank)):
            around = dilation[place] * (weight.shape[2 + place] - 1) - padding[place]
            pads += [around, around + more[place]]
        mirrored = weight.flip(*range(2, 2 + rank))
        parts = mirrored.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2)
        kernel = parts.reshape(-1, weight.shape[0] // groups, *weight.shape[2:])
        return conv(_kernels.pad(input, pads, "constant", 0), kernel, bias, 1, 0, dilation, groups)

    return transposed


def _spread(input, dim, step):
    if step == 1:
        return input
    shape = tuple(input.shape)
    wide = input.new_zeros(shape[:dim + 1] + (step,) + shape[dim + 1:])
    wide.select(dim + 1, 0).copy_(input)
    length = shape[dim] * step
    flat = wide.reshape(shape[:dim] + (length,) + shape[dim + 1:])
    return flat.narrow(dim, 0, length - step + 1)


conv_transpose1d, conv_transpose2d = _conv_transpose(1, conv1d), _conv_transpose(2, conv2d)


def _line(input, pool, kernel_size, stride, padding, *rest):
    """Pool a line as an image of one row."""
    stride = kernel_size if stride is None else stride
    kernel, stride, padding = ([least, *_each(it, 1)] for least, it in
                               ((1, kernel_size), (1, stride), (0, padding)))
    return pool(input.unsqueeze(-2), kernel, stride, padding, *rest).squeeze(-2)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    return _line(input, _kernels.avg_pool2d, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):
    kernel, stride = _each(kernel_size, 2), None if stride is None else _each(stride, 2)
    return _kernels.avg_pool2d(input, kernel, stride, _each(padding, 2), ceil_mode, count_include_pad,
                               divisor_override)


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):
    _no_indices(return_indices)
    return _line(input, _kernels.max_pool2d, kernel_size, stride, padding, [1, *_each(dilation, 1)],
                 ceil_mode)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):
    _no_indices(return_indices)
    kernel, stride = _each(kernel_size, 2), None if stride is None else _each(stride, 2)
    return _kernels.max_pool2d(input, kernel, stride, _each(padding, 2), _each(dilation, 2), ceil_mode)


def _no_indices(wanted):
    if wanted:
        raise NotImplementedError("pooling with return_indices")


def _adaptive(input, dim, size):
    length = input.shape[dim]
    rows = [input.narrow(dim, it * length // size, -(-(it + 1) * length // size) - it * length // size)
            for it in range(size)]
    return _kernels.cat([_kernels.mean(it, (dim,), True, None) for it in rows], dim)


def adaptive_avg_pool1d(input, output_size):
    size = output_size[0] if isinstance(output_size, (tuple, list)) else output_size
    return _adaptive(input, -1, size)


def adaptive_avg_pool2d(input, output_size):
    sizes = _each(output_size, 2)
    return _adaptive(_adaptive(input, -2, sizes[0]), -1, sizes[1])


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    return _kernels.im2col(input, *(_each(it, 2) for it in (kernel_size, dilation, padding, stride)))


def pixel_shuffle(input, upscale_factor):
    *rest, channels, high, wide = input.shape
    r = upscale_factor
    parts = input.reshape(*rest, channels // (r * r), r, r, high, wide)
    n = len(rest)
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return parts.permute(order).reshape(*rest, channels // (r * r), high * r, wide * r)


def pixel_unshuffle(input, downscale_factor):
    *rest, channels, high, wide = input.shape
    r, n = downscale_factor, len(rest)
    parts = input.reshape(*rest, channels, high // r, r, wide // r, r)
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return parts.permute(order).reshape(*rest, channels * r * r, high // r, wide // r)


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                recompute_scale_factor=None, antialias=False):
    rank, factors = input.ndim - 2, None
    if size is None:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else [scale_factor] * rank
        size = [int(length * it) for length, it in zip(input.shape[2:], factors)]
        factors = None if recompute_scale_factor else [float(it) for it in factors]
    return _kernels.interpolate(input, _each(size, rank), mode, bool(align_corners), factors, antialias)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    return _kernels.grid_sample(input, grid, mode, padding_mode, bool(align_corners))
