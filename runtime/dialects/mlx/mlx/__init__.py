"""MLX as ports use it: arrays are native, everything else is plain Python."""
