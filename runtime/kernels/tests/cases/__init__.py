"""Families of questions to PyTorch about kernels."""
