"""Files of tensors, which are handed over with an answer in place of being written."""

__version__ = "0 (of portwright)"
