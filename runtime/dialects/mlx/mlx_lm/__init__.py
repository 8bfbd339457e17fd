"""The package of mlx-lm without what its own ``__init__`` imports: conversion, generation and the tokenizers
that those need. Its modules run from their source."""
