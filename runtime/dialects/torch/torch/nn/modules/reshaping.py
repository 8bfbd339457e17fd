"""Shapes as modules."""

from .. import functional as F
from .module import Module


class Flatten(Module):
    """Dimensions merged."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    """A dimension divided."""

    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)


class Unfold(Module):
    """Patches of images as columns."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.options = (kernel_size, dilation, padding, stride)

    def forward(self, input):
        return F.unfold(input, *self.options)


class PixelShuffle(Module):
    """Channels spread over space."""

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)


class Upsample(Module):
    """Resampling."""

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None):
        super().__init__()
        self.options = (size, scale_factor, mode, align_corners)

    def forward(self, input):
        return F.interpolate(input, *self.options)
