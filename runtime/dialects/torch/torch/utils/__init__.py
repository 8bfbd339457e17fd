"""PyTorch's utilities."""

from . import _pytree, checkpoint, data
