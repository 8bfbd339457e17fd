"""Follows values from the checkpoint into the port: what was renamed, changed, or lost on the way.

Names say little (a port splits, stacks and renames), values say all: the weights of a synthetic
checkpoint are random, so a value that occurs in the checkpoint and in the port is the same one.
"""

from __future__ import annotations

import hashlib
from typing import Callable

import mlx.core as mx
import numpy as np

# Beyond this many elements nothing is sorted: fingerprints are null, and no value is followed.
SIZE_LIMIT = 1 << 26
_SAMPLE = 256
# Of some 10^5 random float32 numbers a few are equal by chance: a share below this is none.
_CHANCE, _MOST = 0.1, 0.5

# What ports do to single values, computed by MLX in the weight's own dtype, as `sanitize` would.
_CHANGES: list[tuple[str, Callable[[mx.array], mx.array]]] = [
    ("1 + x", lambda x: 1.0 + x),
    ("x - 1", lambda x: x - 1.0),
    ("-exp(x)", lambda x: -mx.exp(x.astype(mx.float32))),
    ("exp(x)", lambda x: mx.exp(x.astype(mx.float32))),
    ("-x", lambda x: -x),
    ("sigmoid(x)", lambda x: mx.sigmoid(x)),
    ("softplus(x)", lambda x: mx.logaddexp(x, mx.zeros_like(x))),
]


def to_numpy(array: mx.array, wide: bool = False) -> np.ndarray:
    """The array as float32, which is exact for bfloat16 and float16, or as float64."""
    return np.array(array.astype(mx.float64 if wide else mx.float32, stream=mx.cpu))


def fingerprint(array: mx.array) -> str | None:
    """16 hex digits over the sorted float32 values: the same for a transpose or a reshape."""
    if array.size > SIZE_LIMIT:
        return None
    return _digest(np.sort(to_numpy(array), axis=None))


def _digest(ordered: np.ndarray) -> str:
    return hashlib.sha256(ordered.astype("<f4").tobytes()).hexdigest()[:16]


def follow(before: dict[str, mx.array], after: dict[str, mx.array]) -> dict:
    """Where the checkpoint's values (``before``) are among the port's weights (``after``).

    ``renamed``: the whole tensor under another name. ``regrouped``: its values are there, but
    split, stacked or fused. ``transformed``: its values are there after a known change.
    ``partial``: only a part of its values. ``dropped``: none of its values arrive.
    ``unexplained``: weights of the port whose values are not the checkpoint's.
    """
    report: dict = {"followed": False, "reason": None, "dropped": [], "renamed": [],
                    "regrouped": [], "transformed": [], "partial": [], "unexplained": []}
    floats = {name: it for name, it in before.items() if mx.issubdtype(it.dtype, mx.floating)}
    if sum(it.size for it in floats.values()) > SIZE_LIMIT:
        return {**report, "reason": "the checkpoint is too large to sort its values"}
    mx.eval(list(before.values()), list(after.values()))
    sources = {name: np.sort(to_numpy(it), axis=None) for name, it in floats.items()}
    targets = {name: np.sort(to_numpy(it), axis=None) for name, it in after.items()
               if mx.issubdtype(it.dtype, mx.floating)}
    by_print: dict[str, list[str]] = {}
    for name, values in targets.items():
        by_print.setdefault(_digest(values), []).append(name)
    moved = {}
    for name, values in sources.items():
        same = by_print.get(_digest(values), [])
        if not same:
            moved[name] = values
        elif name not in same:
            report["renamed"].append([name, same[0]])
    given, arrived = _sorted_union(sources.values()), _sorted_union(targets.values())
    if given.size < 0.5 * sum(it.size for it in sources.values()):
        # 16-bit weights: any value occurs everywhere, so finding one again proves nothing.
        return {**report, "reason": "the weights repeat their values too often to be followed; "
                                    "a synthetic float32 checkpoint shows more"}
    explained = [given]
    for name, values in moved.items():
        share = _share(_spread(values), arrived)
        if share > _MOST:
            report["regrouped"].append(name)
        elif how := _changed(before[name], arrived, explained):
            report["transformed"].append({"name": name, "how": how})
        elif share > _CHANCE:
            report["partial"].append({"name": name, "share": round(share, 3)})
        else:
            report["dropped"].append(name)
    known = _sorted_union(explained)
    report["unexplained"] = [name for name, values in targets.items()
                             if _share(_spread(values), known) <= _CHANCE]
    return {**report, "followed": True}


def _changed(array: mx.array, arrived: np.ndarray, explained: list[np.ndarray]) -> str | None:
    for how, change in _CHANGES:
        values = np.sort(to_numpy(change(array).astype(array.dtype)), axis=None)
        if _share(_spread(values), arrived) > _MOST:
            explained.append(values)
            return how
    return None


def _sorted_union(parts) -> np.ndarray:
    parts = list(parts)
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.float32)


def _spread(ordered: np.ndarray) -> np.ndarray:
    """At most ``_SAMPLE`` values, evenly over the sorted ones."""
    if ordered.size <= _SAMPLE:
        return ordered
    return ordered[np.linspace(0, ordered.size - 1, _SAMPLE).astype(np.int64)]


def _share(values: np.ndarray, pool: np.ndarray) -> float:
    """Which share of ``values`` occurs in the sorted ``pool``."""
    if not values.size or not pool.size:
        return 0.0
    at = np.minimum(np.searchsorted(pool, values), pool.size - 1)
    return float(np.mean(pool[at] == values))
