"""mlx-lm's caches as its generation uses them: single, batched with padding, trimmed.

``mlx_lm.generate`` itself would import transformers, so its two short steps are repeated here over
the caches' own methods: a batch is the ``merge`` of one fresh cache a row, then ``prepare`` tells
it the padding, and ``finalize`` ends the prompt (``PromptProcessingBatch``). mlx-lm 0.32 itself
pads prompts on the right only; left padding is what its caches accept.
"""

from __future__ import annotations

import contextlib
import copy
import os
from typing import Any, Iterator

import mlx.core as mx
import mlx.nn as nn

from ..session import WorkerError


def single(model: nn.Module) -> list:
    """``make_prompt_cache``: what the port asks for, or a ``KVCache`` a layer."""
    from mlx_lm.models.cache import make_prompt_cache

    return make_prompt_cache(model)


def batched(model: nn.Module, lengths: list[int], total: int, side: str) -> list:
    """One cache for rows of these lengths, padded to ``total`` on the left or right."""
    rows = [single(model) for _ in lengths]
    merged = joined(rows)
    padding = [total - it for it in lengths]
    if max(padding) > 0:
        for cache in merged:
            if side == "right":
                _prepare(cache, lengths=lengths, right_padding=padding)
            else:
                _pad_left(cache, padding)
    return merged


def kept(caches: list, path: str) -> list:
    """The caches saved to a file, loaded from it and copied, as prompt caches are used."""
    from mlx_lm.models.cache import load_prompt_cache, save_prompt_cache

    try:
        save_prompt_cache(path, caches)
        return copy.deepcopy(load_prompt_cache(path))
    except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError) as error:
        raise WorkerError("unsupported", "mlx-lm cannot save this model's caches: "
                                         f"{type(error).__name__}: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.remove(path)


def packed(caches: list, bits: int, group: int) -> list:
    """The caches with keys and values packed, where they can be: ``maybe_quantize_kv_cache``."""
    result = list(caches)
    for i, cache in enumerate(caches):
        if not hasattr(cache, "to_quantized"):
            continue
        widths = [it.shape[-1] for it in (getattr(cache, "keys", None), getattr(cache, "values", None))
                  if isinstance(it, mx.array)]
        if odd := [it for it in widths if it % group]:
            raise WorkerError("unsupported", f"keys or values of {odd[0]} numbers do not divide into "
                                             f"groups of {group} (cache {i})")
        try:
            result[i] = cache.to_quantized(group_size=group, bits=bits)
        except NotImplementedError as error:
            raise WorkerError("unsupported", f"mlx-lm cannot pack {type(cache).__name__}: {error}") from error
    if all(new is old for new, old in zip(result, caches)):
        kinds = ", ".join(sorted({type(it).__name__ for it in caches}))
        raise WorkerError("unsupported", f"none of the port's caches can be packed ({kinds})")
    return result


def joined(rows: list[list]) -> list:
    """One batch of the caches of single rows, each with what it has read."""
    _require(rows[0], "merge")
    return [cache.merge([row[i] for row in rows]) for i, cache in enumerate(rows[0])]


def added(batch: list, other: list) -> None:
    """The rows of another batch at the end of this one."""
    _require(batch, "extend")
    for cache, more in zip(batch, other):
        cache.extend(more)


def left(batch: list, rows: list[int]) -> None:
    """Only these rows stay."""
    _require(batch, "filter")
    for cache in batch:
        cache.filter(mx.array(rows))


def taken(batch: list, row: int) -> list:
    """The caches of one row by itself."""
    _require(batch, "extract")
    return [cache.extract(row) for cache in batch]


def _require(caches: list, step: str) -> None:
    for i, cache in enumerate(caches):
        for leaf in leaves(cache):
            if not hasattr(leaf, step):
                raise WorkerError("unsupported", f"mlx-lm cannot batch this model: {type(leaf).__name__} "
                                                 f"(cache {i}) has no `{step}`")


def finalize(caches: list) -> None:
    """End the prompt: right padding is rolled out of the caches."""
    for cache in caches:
        if hasattr(cache, "finalize"):
            cache.finalize()


def trim(caches: list, count: int) -> None:
    """Take the last ``count`` tokens back."""
    from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

    if not can_trim_prompt_cache(caches):
        raise WorkerError("unsupported", f"mlx-lm cannot trim this cache: {_why_not(caches)}")
    trimmed = trim_prompt_cache(caches, count)
    if trimmed != count:
        raise WorkerError("unsupported", f"the cache let {trimmed} of {count} tokens be trimmed")


def leaves(cache: Any) -> Iterator[Any]:
    """The caches inside a ``CacheList``, or the cache itself."""
    if isinstance(getattr(cache, "caches", None), (list, tuple)):
        for it in cache.caches:
            yield from leaves(it)
    else:
        yield cache


def _prepare(cache: Any, **padding: Any) -> None:
    if not hasattr(cache, "prepare"):
        raise WorkerError("unsupported", f"mlx-lm cannot pad this model's prompts: "
                                         f"{type(cache).__name__} has no `prepare`")
    cache.prepare(**padding)


def _pad_left(cache: Any, padding: list[int]) -> None:
    """Left padding of an empty batch; caches of arrays hold it as an attribute only."""
    for leaf in leaves(cache):
        if hasattr(leaf, "cache") and hasattr(leaf, "left_padding"):
            leaf.left_padding = mx.array(padding)
        else:
            _prepare(leaf, left_padding=padding)


def _why_not(caches: list) -> str:
    for i, cache in enumerate(caches):
        for leaf in leaves(cache):
            if not leaf.is_trimmable():
                size = getattr(leaf, "max_size", None)
                why = "is not trimmable" if size is None else f"has wrapped at {size} tokens"
                return f"{type(leaf).__name__} (cache {i}) {why}"
    return "a cache refuses"
