"""Which way a definition's own tests go: every `if`, `elif`, `while` and ternary of its file, counted.

The file is compiled again with a count around each test, in the place of what it defined before. What
runs then has no lines to blame; so this is done when it is asked for, in a session of its own.
"""

import ast
import sys

import _kernels

_KINDS = {ast.If: "if", ast.While: "while", ast.IfExp: "ternary"}


class _Counting(ast.NodeTransformer):
    """Puts a call around every test inside a function, and lists the tests."""

    def __init__(self, lines):
        self.rows, self._lines, self._path, self._elif = [], lines, [], set()

    def _inside(self, node):
        self._path.append(node.name)
        self.generic_visit(node)
        self._path.pop()
        return node

    visit_FunctionDef = visit_ClassDef = visit_AsyncFunctionDef = _inside

    def _counted(self, node):
        kind = "elif" if id(node) in self._elif else _KINDS[type(node)]
        if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            below = node.orelse[0]
            if self._lines[below.lineno - 1].lstrip().startswith("elif"):
                self._elif.add(id(below))
        number = len(self.rows)
        if self._path:
            self.rows.append({
                "line": node.test.lineno, "kind": kind, "function": ".".join(self._path),
                "source": self._lines[node.lineno - 1].strip(),
                "opening": [0, 0], "running": [0, 0],
            })
        self.generic_visit(node)
        if self._path:
            call = ast.Call(ast.Name("_portwright_went", ast.Load()), [ast.Constant(number), node.test], [])
            node.test = ast.fix_missing_locations(ast.copy_location(call, node.test))
        return node

    visit_If = visit_While = visit_IfExp = _counted


class Branches:
    """The tests of one module. Each row counts how often it was true and false: while the model was
    built (`opening`) and while it ran (`running`)."""

    def __init__(self, module_name):
        module = sys.modules[module_name]
        text = _kernels.text(module_name)
        counting = _Counting(text.splitlines())
        tree = counting.visit(ast.parse(text))
        self.rows, self.file, self._phase = counting.rows, module.__file__, "opening"
        module.__dict__["_portwright_went"] = self._went
        exec(compile(tree, module.__file__, "exec"), module.__dict__)

    def _went(self, number, value):
        truth = bool(value)
        self.rows[number][self._phase][0 if truth else 1] += 1
        return value

    def run(self):
        """From now on the model runs."""
        self._phase = "running"
