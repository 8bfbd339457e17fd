"""Of which PyTorch this is the dialect."""

__version__ = "2.10.0"
cuda = hip = None
git_version = "none"
