"""The definitions, each a package of its own."""
