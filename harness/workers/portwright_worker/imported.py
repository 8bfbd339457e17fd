"""``imported``: the source files that answers of this session rest on.

What the harness keeps and uses again is good for as long as these files are what they were.
"""

from __future__ import annotations

import sys

from .session import Session


def imported(session: Session, request: dict) -> dict:
    """Every imported file below ``folder``, by its path in there.

    A stand-in for one lies elsewhere: it is part of the program, which counts by itself.
    """
    folder = request["folder"].rstrip("/") + "/"
    paths = [getattr(it, "__file__", None) for it in list(sys.modules.values())]
    inside = {it[len(folder):] for it in paths if isinstance(it, str) and it.startswith(folder)}
    return {"files": sorted(inside)}
