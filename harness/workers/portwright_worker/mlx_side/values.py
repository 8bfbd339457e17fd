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

# What ports do to single values, each computed by MLX in the weight's own dtype, as `sanitize` would.
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
    ``dropped``: none of its values arrive. ``unexplained``: weights of the port whose values are
    not the checkpoint's.
    """
    floats = {name: it for name, it in before.items() if mx.issubdtype(it.dtype, mx.floating)}
    if sum(it.size for it in floats.values()) > SIZE_LIMIT:
        return {"followed": False, "reason": "the checkpoint is too large to sort",
                "dropped": [], "renamed": [], "regrouped": [], "transformed": [],
                "unexplained": []}
    mx.eval(list(before.values()), list(after.values()))
    sources = {name: np.sort(to_numpy(it), axis=None) for name, it in floats.items()}
    targets = {name: np.sort(to_numpy(it), axis=None) for name, it in after.items()
               if mx.issubdtype(it.dtype, mx.floating)}
    by_print: dict[str, list[str]] = {}
    for name, values in targets.items():
        by_print.setdefault(_digest(values), []).append(name)
    arrived = _sorted_union(targets.values())
    explained = [_sorted_union(sources.values())]
    report: dict = {"followed": True, "reason": None, "dropped": [], "renamed": [],
                    "regrouped": [], "transformed": []}
    for name, values in sources.items():
        same = by_print.get(_digest(values), [])
        if same:
            if name not in same:
                report["renamed"].append([name, same[0]])
        elif _share(_spread(values), arrived) > 0:
            report["regrouped"].append(name)
        elif how := _changed(before[name], arrived, explained):
            report["transformed"].append({"name": name, "how": how})
        else:
            report["dropped"].append(name)
    known = _sorted_union(explained)
    report["unexplained"] = [name for name, values in targets.items()
                             if _share(_spread(values), known) == 0]
    return report


def _changed(array: mx.array, arrived: np.ndarray, explained: list[np.ndarray]) -> str | None:
    for how, change in _CHANGES:
        values = np.sort(to_numpy(change(array).astype(array.dtype)), axis=None)
        if _share(_spread(values), arrived) > 0.5:
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
