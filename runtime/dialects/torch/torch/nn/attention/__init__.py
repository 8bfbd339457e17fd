"""Choices among PyTorch's attention kernels."""

from ..._modes import _Context


class SDPBackend:
    """Names of kernels."""

    MATH = "math"
    FLASH_ATTENTION = "flash"
    EFFICIENT_ATTENTION = "efficient"
    CUDNN_ATTENTION = "cudnn"


class sdpa_kernel(_Context):
    """There is one kernel."""
