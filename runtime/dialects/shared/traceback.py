"""Tracebacks as text, in brief: the machine's caller gets the whole one from the interpreter."""

import sys

import _kernels


class FrameSummary:
    """One frame: its file, its line and the line's text."""

    def __init__(self, filename, lineno, name, module):
        self.filename, self.lineno, self.name, self._module = filename, lineno, name, module

    @property
    def line(self):
        """The text, where the machine may import the module that it is of."""
        text = _kernels.text(self._module) if self._module else None
        lines = text.splitlines() if text else []
        return lines[self.lineno - 1].strip() if 0 < self.lineno <= len(lines) else ""


class StackSummary(list):
    """Frames, the outermost first."""


def extract_tb(tb, limit=None):
    """The frames of a traceback."""
    frames = StackSummary()
    while tb is not None:
        code = tb.tb_frame.f_code
        module = tb.tb_frame.f_globals.get("__name__")
        frames.append(FrameSummary(code.co_filename, tb.tb_lineno, code.co_name, module))
        tb = tb.tb_next
    return frames


def format_tb(tb, limit=None):
    lines = []
    while tb is not None:
        code = tb.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}\n')
        tb = tb.tb_next
    return lines


def format_exception_only(error, value=None, **options):
    error = error if value is None else value
    text = str(error)
    name = type(error).__name__
    return [f"{name}: {text}\n" if text else f"{name}\n"]


def format_exception(error, value=None, tb=None, limit=None, chain=True, **options):
    error = error if value is None else value
    lines = format_tb(error.__traceback__ if tb is None else tb)
    head = ["Traceback (most recent call last):\n"] if lines else []
    return head + lines + format_exception_only(error)


def format_exc(limit=None, chain=True):
    error = sys.exc_info()[1]
    return "NoneType: None\n" if error is None else "".join(format_exception(error))


def print_exception(error, value=None, tb=None, limit=None, file=None, chain=True, **options):
    print("".join(format_exception(error, value, tb)), end="", file=file)


def print_exc(limit=None, file=None, chain=True):
    print(format_exc(), end="", file=file)


def format_stack(f=None, limit=None):
    frame, lines = f or sys._getframe(1), []
    while frame is not None:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}\n')
        frame = frame.f_back
    return lines[::-1]


def print_stack(f=None, limit=None, file=None):
    print("".join(format_stack(f or sys._getframe(1))), end="", file=file)
