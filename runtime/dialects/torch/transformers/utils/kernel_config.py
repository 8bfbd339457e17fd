"""Kernels from the Hub: none."""


class KernelConfig:
    """Nothing is an instance of this."""
