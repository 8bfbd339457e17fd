"""A definition of the tests' own, small enough to read."""
