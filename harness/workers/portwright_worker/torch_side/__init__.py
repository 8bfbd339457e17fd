"""The reference side: transformers on PyTorch, as its users run it."""
