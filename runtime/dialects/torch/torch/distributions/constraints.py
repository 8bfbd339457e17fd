"""Names of supports."""

positive = positive_definite = real = object()
