"""The port's side: real MLX and the user's mlx-lm behind the worker's ops."""
