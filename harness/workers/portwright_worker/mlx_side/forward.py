"""The ops ``forward`` and ``generate``: the port run as mlx-lm runs it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, nullcontext
from typing import Iterator

import mlx.core as mx
import numpy as np
from safetensors.numpy import save_file

from ..session import Session, WorkerError, peak_bytes
from . import caches, device, embeddings, kernels, values
from .loading import Handle, dtype_name
from .taps import Taps


def forward(session: Session, request: dict) -> dict:
    """Op ``forward``: logits of given tokens, in one call, in chunks, batched, or after a trim."""
    handle: Handle = session.handle(request["handle"])
    _check(request)
    require_in_vocabulary(handle, request["tokens"])
    if request.get("join"):
        return _joined(handle, request)
    tokens = mx.array(request["tokens"])
    feed = request.get("feed")
    taps = Taps(handle.model) if request.get("taps") or feed else None
    watching = _fed(taps, feed) if feed else taps or nullcontext()
    started = time.perf_counter()
    with _compiling(request.get("compile")), watching:
        logits = _run(handle, tokens, request)
        kernels.evaluate(logits)
    seconds = time.perf_counter() - started
    wide = handle.dtype == "float64"
    tensors = {"logits": values.to_numpy(logits, wide)}
    result = {"shape": list(logits.shape), "dtype": dtype_name(logits), "seconds": seconds,
              "substituted": sorted(kernels.used)}
    if taps:
        result["taps"], kept = taps.collect(wide)
        tensors.update(kept)
    write(tensors, request["out"])
    return result


def generate(session: Session, request: dict) -> dict:
    """Op ``generate``: greedy, in the calls that ``generate_step`` makes for a short prompt; the last
    ``apart`` tokens are not chosen again."""
    handle: Handle = session.handle(request["handle"])
    require_in_vocabulary(handle, [request["prompt"]])
    prompt, apart = request["prompt"], request.get("apart") or 0
    cache = caches.single(handle.model)
    started = time.perf_counter()
    if len(prompt) > 1:
        handle.model(mx.array([prompt[:-1]]), cache=cache)
        kernels.evaluate([it.state for it in cache])
    token, ids, rows = prompt[-1], [], []
    for _ in range(request["max_new_tokens"]):
        logits = logits_of(handle.model(mx.array([[token]]), cache=cache))[:, -1, :]
        kernels.evaluate(logits)
        choice = mx.array(logits)
        if recent := ids[-apart:] if apart else []:
            choice[:, mx.array(recent)] = -mx.inf
        token = int(mx.argmax(choice, axis=-1).item())
        ids.append(token)
        rows.append(logits)
    seconds = time.perf_counter() - started
    stacked = mx.stack(rows, axis=1)
    write({"logits": values.to_numpy(stacked, handle.dtype == "float64")}, request["out"])
    return {"ids": ids, "dtype": dtype_name(stacked), "seconds": seconds,
            "peak_bytes": peak_bytes()}


def logits_of(output: object) -> mx.array:
    """The logits a port returns; a few return a tuple that starts with them."""
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, mx.array):
        output = getattr(output, "logits", output)
    if not isinstance(output, mx.array):
        raise WorkerError("exception", f"the model returned {type(output).__name__}, not logits")
    return output


def require_in_vocabulary(handle: Handle, rows: list[list[int]]) -> None:
    """MLX silently reads beyond an embedding's end, so ids are checked before."""
    config = handle.config
    size = config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size")
    largest = max((it for row in rows for it in row), default=0)
    if isinstance(size, int) and largest >= size:
        raise WorkerError("exception", f"token id {largest} is outside the vocabulary of {size}")


def write(tensors: dict[str, np.ndarray], path: str) -> None:
    """A safetensors file that is there whole or not at all."""
    save_file({name: np.ascontiguousarray(it) for name, it in tensors.items()}, path + ".tmp")
    os.replace(path + ".tmp", path)


def _check(request: dict) -> None:
    if request.get("signals"):
        raise WorkerError("unsupported", "mlx-lm models take tokens alone, no "
                                         f"{', '.join(sorted(request['signals']))}")
    if request.get("other_order") or request.get("ties"):
        raise WorkerError("unsupported", "MLX is neither watched nor asked to compute in another order")
    if request.get("positions") is not None:
        raise WorkerError("unsupported", "mlx-lm models take no position ids; positions follow "
                                         "from the cache")
    if request.get("padding") not in (None, "left", "right"):
        raise WorkerError("unsupported", f"no padding side `{request['padding']}`")
    if request.get("padding") and not request.get("lengths"):
        raise WorkerError("unsupported", "padding needs the rows' `lengths`")
    chunks = request.get("chunks")
    if request.get("trim") and not chunks:
        raise WorkerError("unsupported", "`trim` needs `chunks`: there is no cache to trim")
    if (request.get("taps") or request.get("feed")) and chunks:
        raise WorkerError("unsupported", "`taps` are taken in one call, without `chunks`")
    if chunks and sum(chunks) != len(request["tokens"][0]):
        raise WorkerError("unsupported", f"the chunks add up to {sum(chunks)}, the rows have "
                                         f"{len(request['tokens'][0])} tokens")


@contextmanager
def _fed(taps: Taps, feed: dict) -> Iterator[None]:
    """Layers get inputs from a file in place of those that arrive."""
    whole = mx.load(feed["file"])
    try:
        taps.feed({path: whole[key] for path, key in feed["inputs"].items()})
        yield
    finally:
        taps.let_go()


@contextmanager
def _compiling(wanted: bool | None) -> Iterator[None]:
    """Run with ``mx.compile`` on when it is asked for; otherwise as the worker was started."""
    if not wanted:
        yield
        return
    mx.enable_compile()
    try:
        yield
    finally:
        if not compiles():
            mx.disable_compile()


def compiles() -> bool:
    """Whether ports' ``mx.compile`` is on by default.

    On the CPU it is not: MLX would run the machine's C++ compiler, for seconds a kernel, into a
    folder in /tmp that parallel workers share, and results would depend on there being one.
    """
    return device.is_gpu()


def _run(handle: Handle, tokens: mx.array, request: dict) -> mx.array:
    if request.get("embed"):
        return embeddings.forward(handle.model, tokens, logits_of)
    total = tokens.shape[1]
    chunks, padding = request.get("chunks"), request.get("padding")
    if not chunks and not padding:
        return logits_of(handle.model(tokens))
    cache = (caches.batched(handle.model, request["lengths"], total, padding) if padding
             else caches.single(handle.model))
    sizes = chunks or [total]
    if request.get("keep"):
        parts = _feed(handle, tokens, sizes[:1], cache)
        cache = caches.kept(cache, request["out"] + ".cache.safetensors")
        parts += _feed(handle, tokens[:, sizes[0]:], sizes[1:], cache)
    elif pack := request.get("pack_cache"):
        parts = _feed(handle, tokens, sizes[:1], cache)
        cache = caches.packed(cache, pack["bits"], pack["group"])
        with _packed():
            parts += _feed(handle, tokens[:, sizes[0]:], sizes[1:], cache)
    else:
        parts = _feed(handle, tokens, sizes, cache)
    if padding == "right" and min(request["lengths"]) < total:
        caches.finalize(cache)
    if trim := request.get("trim"):
        caches.trim(cache, trim)
        return logits_of(handle.model(tokens[:, total - trim:], cache=cache))
    if then := request.get("then"):
        require_in_vocabulary(handle, then)
        then = mx.array(then)
        parts += _feed(handle, then, [1] * then.shape[1], cache)
    return mx.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


@contextmanager
def _packed() -> Iterator[None]:
    """With packed caches an error is the user's, who sees it: such a port cannot be used with them."""
    try:
        yield
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise WorkerError("unsupported", "with packed caches the port ends with an error: "
                                         f"{type(error).__name__}: {error}") from error


def _feed(handle: Handle, tokens: mx.array, chunks: list[int], cache: list) -> list[mx.array]:
    parts, start = [], 0
    for size in chunks:
        logits = logits_of(handle.model(tokens[:, start:start + size], cache=cache))
        # As generation does: each call is evaluated before the next is built.
        kernels.evaluate(logits, [it.state for it in cache])
        parts.append(logits)
        start += size
    return parts


def _joined(handle: Handle, request: dict) -> dict:
    """Logits of each row: read alone but for its end, then decoded in batches that it joins and leaves.

    As mlx-lm's batch generator does: the first two rows are joined, the third comes, the first leaves, the
    last goes on alone.
    """
    rows, decoded = request["tokens"], request["join"]
    alone = [caches.single(handle.model) for _ in rows]
    logits: list[list[mx.array]] = [[] for _ in rows]
    for row, cache, parts in zip(rows, alone, logits):
        parts.append(_step(handle, mx.array([row[:-decoded]]), cache))
    fed = [len(row) - decoded for row in rows]

    def decode(members: list[int], cache: list, steps: int) -> None:
        for _ in range(steps):
            said = _step(handle, mx.array([[rows[it][fed[it]]] for it in members]), cache)
            for place, member in enumerate(members):
                logits[member].append(said[place:place + 1])
                fed[member] += 1

    batch = caches.joined(alone[:2])
    decode([0, 1], batch, 2)
    caches.added(batch, caches.joined(alone[2:3]))
    decode([0, 1, 2], batch, 3)
    caches.left(batch, [1, 2])
    decode([1, 2], batch, 3)
    decode([2], caches.taken(batch, 1), 2)

    whole = [mx.concatenate(parts, axis=1)[0] for parts in logits]
    wide = handle.dtype == "float64"
    write({f"logits.{at}": values.to_numpy(it, wide) for at, it in enumerate(whole)}, request["out"])
    return {"shape": list(whole[0].shape), "dtype": dtype_name(whole[0]), "seconds": 0.0}


def _step(handle: Handle, tokens: mx.array, cache: list) -> mx.array:
    logits = logits_of(handle.model(tokens, cache=cache))
    kernels.evaluate(logits, [it.state for it in cache])
    return logits
