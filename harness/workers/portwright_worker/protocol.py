"""The loop of a worker: one JSON message a line, one forked child a session.

The parent (the *zygote*) imports the engine's libraries once and evaluates nothing. For each
``session`` request it forks; the child answers on the same pipes until ``end`` and exits. So a
model that crashes the interpreter takes one session with it, never the imports.

The protocol is strictly request and answer. Nothing is read ahead, therefore parent and child can
share one stdin.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Callable

import portwright
from portwright.unsupported import Unsupported

from .session import Op, Session, WorkerError

# How often one that works says how long it has computed.
_BEAT_SECONDS = 1.0

# Our own frames: what fails in a definition or a library is named by theirs.
_OURS = (os.path.dirname(os.path.abspath(__file__)), os.path.dirname(os.path.abspath(portwright.__file__)))


class Channel:
    """stdin and stdout as JSON lines; everything a library prints goes to stderr instead."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def receive(self) -> dict | None:
        """The next message, or None at the end of the input. Reads no byte beyond the line."""
        line = bytearray()
        while True:
            byte = os.read(0, 1)
            if not byte:
                return None
            if byte == b"\n":
                try:
                    return json.loads(line)
                except ValueError:
                    # What is left of a request whose reader died half-way. Its sender has given up.
                    line.clear()
                    continue
            line += byte

    def send(self, message: dict) -> None:
        """Write one message, whole, as one line. NaN is not JSON: it is a bug of ours."""
        data = (json.dumps(message, allow_nan=False) + "\n").encode()
        while data:
            data = data[os.write(self._out, data):]


class Beat:
    """While it is open, says now and then how many seconds this process has computed.

    So whoever waits can tell one that works, or that waits for a core, from one that hangs. The thread is
    gone before the process forks or answers.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel, self._over = channel, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            try:
                self._channel.send({"event": "alive", "computed": time.process_time()})
            except OSError:
                return  # nobody reads any more, which the next answer will find as well

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def describe(error: BaseException) -> dict:
    """An exception as data: the innermost frame outside of our code is where it happened. One that never left
    our code is our own, and nobody is blamed for it."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [it for it in frames if not os.path.abspath(it.filename).startswith(_OURS)]
    own = [it for it in outside if "/models/" in it.filename] or outside
    place = own[-1] if own else None
    if isinstance(error, (WorkerError, Unsupported)):
        error = WorkerError.of(error)
        return {"kind": error.kind, "message": str(error), "file": error.file, "line": error.line,
                "hint": error.hint, "source_line": None, "traceback": None}
    ours = not outside and not _is_refused_call(error)
    return {
        "kind": "worker" if ours else "exception",
        "message": f"{type(error).__name__}: {error}",
        "file": place.filename if place else None,
        "line": place.lineno if place else None,
        "source_line": place.line if place else None,
        "hint": None,
        "traceback": "".join(traceback.format_exception(error))[-6000:],
    }


def _is_refused_call(error: BaseException) -> bool:
    """Whether a function was called with arguments that it does not take, which is raised where it is called."""
    return isinstance(error, TypeError) and "() " in str(error) and "argument" in str(error)


def answer(ops: dict[str, Op], session: Session, request: dict) -> dict:
    """Carry out one request; every failure becomes an answer."""
    try:
        op = ops.get(request["op"])
        if op is None:
            raise WorkerError("unsupported", f"this engine has no op `{request['op']}`")
        return {"id": request.get("id"), "ok": True, "result": op(session, request)}
    except MemoryError:
        return {"id": request.get("id"), "ok": False,
                "error": {"kind": "exception", "message": "out of memory"}}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the whole point: a failure is data
        return {"id": request.get("id"), "ok": False, "error": describe(error)}


def serve_session(channel: Channel, ops: dict[str, Op]) -> None:
    """The child's loop."""
    session = Session()
    while True:
        request = channel.receive()
        if request is None or request["op"] == "end":
            return
        with Beat(channel):
            answered = answer(ops, session, request)
        channel.send(answered)


def run(preload: Callable[[], dict], ops: dict[str, Op]) -> int:
    """The parent's loop: announce, then fork once a session until the input ends."""
    channel = Channel()
    try:
        with Beat(channel):
            about = preload()
    except Exception as error:  # noqa: BLE001
        channel.send({"event": "failed", "error": describe(error)})
        return 1
    channel.send({"event": "ready", "pid": os.getpid(), "python": sys.version.split()[0], **about})
    while True:
        request = channel.receive()
        if request is None:
            return 0
        if request["op"] != "session":
            channel.send({"id": request.get("id"), "ok": False, "error": {
                "kind": "exception", "message": f"`{request['op']}` outside a session"}})
            continue
        child = os.fork()
        if child == 0:
            code = 0
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                channel.send({"id": request.get("id"), "ok": True, "result": {"pid": os.getpid()}})
                serve_session(channel, ops)
            except BaseException:  # noqa: BLE001 - the child must never fall into the parent's loop
                traceback.print_exc()
                code = 70
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        channel.send({"event": "ended", "exit": None if number else os.WEXITSTATUS(status),
                      "signal": number})
