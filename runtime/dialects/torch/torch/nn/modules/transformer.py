"""PyTorch's own transformer: not here."""
