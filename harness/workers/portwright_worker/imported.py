"""``imported``: the source files that answers of this session rest on.

What the harness keeps and uses again is good for as long as these files are what they were.
"""

from __future__ import annotations

import sys

from .session import Session


def imported(session: Session, request: dict) -> dict:
    """Every imported file of the packages that ``request`` names, as ``package/folder/file.py``."""
    files = set()
    for package in request["packages"]:
        root = getattr(sys.modules.get(package), "__file__", None)
        if root is None:
            continue
        folder = root.rpartition("/")[0] + "/"
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None) if name.split(".")[0] == package else None
            # A stand-in is part of the program, which counts by itself.
            if isinstance(path, str) and path.startswith(folder):
                files.add(f"{package}/{path[len(folder):]}")
    return {"files": sorted(files)}
