"""Where a module is called: the line in its parent's class that says ``self.<name>(``.

Read from the class's own source with :mod:`ast`; nothing is executed. Modules of a list are called
through a loop variable, so the line of the loop over the list stands for them.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from typing import Any


def annotate(modules: list[tuple[str, Any]], class_of=type) -> list[dict]:
    """``{path, class, call: {file, line, text} | None}`` for each ``(path, module)``."""
    by_path = dict(modules)
    rows = []
    for path, module in modules:
        parent_path, _, name = path.rpartition(".")
        if name.isdigit():
            parent_path, _, name = parent_path.rpartition(".")
        parent = by_path.get(parent_path)
        call = call_site(class_of(parent), name) if parent is not None and name else None
        rows.append({"path": path, "class": class_of(module).__name__, "call": call})
    return rows


@functools.lru_cache(maxsize=None)
def call_site(cls: type, name: str) -> dict | None:
    """The first line in ``cls`` (or a parent class) that calls or loops over ``self.<name>``."""
    for owner in cls.__mro__:
        found = _uses(owner).get(name)
        if found is not None:
            return found
    return None


@functools.lru_cache(maxsize=None)
def _uses(cls: type) -> dict[str, dict]:
    """Attribute name to the first line that calls it (else: loops over it) in ``cls`` itself."""
    if ".models." not in cls.__module__:
        # The libraries' own base classes call no submodule by name, and are long to read.
        return {}
    try:
        lines, start = inspect.getsourcelines(cls)
        file = inspect.getsourcefile(cls)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return {}
    calls: dict[str, int] = {}
    loops: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _own(node.func):
            _keep(calls, node.func.attr, node.lineno)
        elif isinstance(node, ast.For):
            for part in ast.walk(node.iter):
                if _own(part):
                    _keep(loops, part.attr, node.lineno)
    return {name: {"file": file, "line": start + line - 1, "text": lines[line - 1].strip()}
            for name, line in {**loops, **calls}.items()}


def _own(node: ast.AST) -> bool:
    """Whether ``node`` is ``self.<something>``."""
    return (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            and node.value.id == "self")


def _keep(lines: dict[str, int], name: str, line: int) -> None:
    lines[name] = min(line, lines.get(name, line))
