"""The op ``sharded``: the port shared by two ranks, each a process of its own on this machine.

A rank is this file run with its number: it opens the checkpoint, calls the port's ``shard`` with a group
over MLX's ring backend, as ``mlx_lm.utils.sharded_load`` does, and reads the text. The first one's logits
count.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

from ..session import Session, WorkerError

RANKS = 2
# Seconds: a rank starts Python, imports MLX and reads one text.
PATIENCE = 120


def sharded(session: Session, request: dict) -> dict:
    """Op ``sharded``."""
    if not hasattr(session.handle(request["handle"]).model, "shard"):
        raise WorkerError("unsupported", "the port has no `shard`")
    hosts = request["out"] + ".hosts.json"
    with open(hosts, "w", encoding="utf-8") as file:
        json.dump([[f"127.0.0.1:{port}"] for port in _free_ports()], file)
    asked = {**request, "path": sys.path}
    ranks = [subprocess.Popen(
        [sys.executable, "-c", _START, json.dumps(asked)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "MLX_RANK": str(rank), "MLX_HOSTFILE": hosts}) for rank in range(RANKS)]
    try:
        said = [it.communicate(timeout=PATIENCE) for it in ranks]
    except subprocess.TimeoutExpired as error:
        raise WorkerError("limit", f"two ranks did not come to an end within {PATIENCE} s") from error
    finally:
        for it in ranks:
            it.kill()
        os.remove(hosts)
    return _first(said, [it.returncode for it in ranks])


# The worker's own folders take the place of those that Python would search.
_START = ("import json, sys; asked = json.loads(sys.argv[1]); sys.path[:] = asked['path']; "
          "from portwright_worker.mlx_side import sharding; sharding.rank(asked)")


def rank(asked: dict) -> None:
    """What one rank does: one line of JSON, the answer or an error."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from . import kernels, library, values
    from .forward import logits_of, write
    from .loading import load

    # Two ranks on this machine share its processor, as a CPU's group does: see the engine's `preload`.
    library.import_mlx_lm()
    mx.set_default_device(mx.cpu)
    mx.disable_compile()
    kernels.install()
    group = mx.distributed.init(strict=True, backend="ring")
    try:
        handle = load(asked["checkpoint"], asked["dtype"])
        if not handle.opened:
            raise WorkerError("unsupported", "the port does not load the checkpoint")
        size = lambda: sum(it.nbytes for _, it in tree_flatten(handle.model.parameters()))  # noqa: E731
        whole = size()
        try:
            handle.model.shard(group)
        except (NotImplementedError, ValueError) as error:
            raise WorkerError("unsupported", f"`shard` refuses this model: {error}") from error
        kernels.evaluate(handle.model.parameters())
        logits = logits_of(handle.model(mx.array(asked["tokens"])))
        kernels.evaluate(logits)
        if group.rank() == 0:
            write({"logits": values.to_numpy(logits, False)}, asked["out"])
        print(json.dumps({"whole": whole, "own": size()}))
    except WorkerError as error:
        print(json.dumps({"error": [error.kind, str(error)]}))
    except Exception as error:  # noqa: BLE001 - the port's own, told by the first rank
        print(json.dumps({"error": ["exception", f"on rank {group.rank()} of {RANKS}: "
                                                 f"{type(error).__name__}: {error}"]}))


def _first(said: list[tuple[str, str]], codes: list[int]) -> dict:
    """The answer of the first rank; the first error of any."""
    answers = []
    for (out, err), code in zip(said, codes):
        lines = out.strip().splitlines()
        if code or not lines:
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            last = err.strip().splitlines()[-1:] or ["nothing was said"]
            raise WorkerError("limit", f"a rank ended with {name}: {last[0]}")
        answers.append(json.loads(lines[-1]))
    for it in answers:
        if "error" in it:
            raise WorkerError(*it["error"])
    return answers[0]


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(RANKS)]
    try:
        for it in sockets:
            it.bind(("127.0.0.1", 0))
        return [it.getsockname()[1] for it in sockets]
    finally:
        for it in sockets:
            it.close()
