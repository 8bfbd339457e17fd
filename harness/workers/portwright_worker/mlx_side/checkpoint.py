"""Looks at a checkpoint folder before MLX does, so that a broken file is named.

MLX reads safetensors lazily and reports a short file late, without its name. The format is small
enough to check here: 8 bytes of length, a JSON header, then exactly the bytes that it promises.
"""

from __future__ import annotations

import glob
import json
import os

from ..session import WorkerError

_MAX_HEADER = 100_000_000  # the limit of the safetensors library


def require_readable(folder: str) -> list[str]:
    """The weight files that mlx-lm would read (``model*.safetensors``), each checked."""
    if not os.path.isdir(folder):
        raise WorkerError("weights", f"there is no checkpoint folder at {folder}")
    if not os.path.isfile(os.path.join(folder, "config.json")):
        raise WorkerError("config", f"{folder} has no config.json")
    files = sorted(glob.glob(os.path.join(glob.escape(folder), "model*.safetensors")))
    if not files:
        others = sorted(os.listdir(folder))
        raise WorkerError(
            "weights", f"{folder} has no file named model*.safetensors, which is all that mlx-lm "
                       "reads",
            hint=f"the folder holds: {', '.join(others[:20])}")
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.isfile(index):
        _require_shards(folder, index)
    for path in files:
        _require_whole(path)
    return files


def _require_shards(folder: str, index: str) -> None:
    try:
        with open(index, encoding="utf-8") as file:
            shards = set(json.load(file)["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise WorkerError("weights", f"{index} is not an index of shards: {error}",
                          file=index) from error
    absent = sorted(it for it in shards if not os.path.isfile(os.path.join(folder, it)))
    if absent:
        raise WorkerError("weights", f"the index names {len(shards)} shards, but these are not "
                                     f"there: {', '.join(absent)}", file=index)


def _require_whole(path: str) -> None:
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise WorkerError("weights", f"{path} is too short for a safetensors file "
                                         f"({size} bytes)", file=path)
        length = int.from_bytes(start, "little")
        if length > min(size - 8, _MAX_HEADER):
            what = _foreign(start) or (
                f"its header would have {length} bytes, but the file has {size}")
            raise WorkerError("weights", f"{path} is not a safetensors file, or only a part of "
                                         f"one: {what}", file=path)
        try:
            header = json.loads(file.read(length))
            end = max((it["data_offsets"][1] for name, it in header.items()
                       if name != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise WorkerError("weights", f"{path} has an unreadable safetensors header: {error}",
                              file=path) from error
    if 8 + length + end != size:
        kind = "truncated" if size < 8 + length + end else "longer than its header says"
        raise WorkerError("weights", f"{path} is {kind}: the header promises {8 + length + end} "
                                     f"bytes, the file has {size}", file=path)


def _foreign(start: bytes) -> str | None:
    if start.startswith(b"PK\x03\x04"):
        return "it is a zip file (a PyTorch pickle?)"
    if start.startswith(b"version"):
        return "it is a Git LFS pointer, not the file itself"
    if start.startswith(b"GGUF"):
        return "it is a GGUF file"
    if start[:1] == b"\x80":
        return "it is a pickle"
    return None
