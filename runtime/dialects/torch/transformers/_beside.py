"""Functions that a stand-in lacks, taken one at a time from the file that it stands for.

A later release adds small helpers to files that are too heavy to run whole. Such a function runs from
its source, on the names that the stand-in has.
"""

import _kernels


def beside(module, names):
    """The `__getattr__` of a stand-in: `names` is its namespace, which keeps what was taken."""

    def __getattr__(name):
        code = None
        if not name.startswith("__"):
            code = _definition(_kernels.text_on_disk(module) or "", name)
        if code is None:
            raise AttributeError(f"{module} has no `{name}` in this dialect")
        exec(compile(code, f"{module} ({name})", "exec"), names)
        return names[name]

    return __getattr__


def _definition(text, name):
    """A function at the top of a file, with its decorators, on the lines where it stands."""
    lines = text.splitlines()
    start = next((at for at, it in enumerate(lines) if it.startswith(f"def {name}(")), None)
    if start is None:
        return None
    end = start + 1
    while end < len(lines) and (not lines[end] or lines[end][0] in " )#"):
        end += 1
    while lines[start - 1].startswith("@"):
        start -= 1
    return "\n" * start + "\n".join(lines[start:end]) + "\n"
