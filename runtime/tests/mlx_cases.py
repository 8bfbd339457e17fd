"""Makes `fixtures/mlx.jsonl`: what real MLX answers to the code of `mlx_asking/cases.py`.

Run it with a Python that has MLX, after a change of the cases: `python runtime/tests/mlx_cases.py`.
"""

import json
import math
import sys
from pathlib import Path

import mlx.core as mx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from mlx_asking import cases, one  # noqa: E402


def number(value):
    """Seven digits, which is what 32 bits hold; JSON has no infinities."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.7g}") if math.isfinite(value) else repr(value)


def described(made):
    """The dtype and the values of an array."""
    mx.eval(made)
    wide = made if not mx.issubdtype(made.dtype, mx.floating) else made.astype(mx.float32)
    return {"dtype": str(made.dtype).rpartition(".")[2], "values": [number(it) for it in wide.reshape(-1).tolist()]}


def row(code):
    """A case with its answer; what an error says is MLX's own."""
    answer = one.answer(code, described)
    answer.pop("message", None)
    return {"code": code, **{name: answer[name] for name in ("dtype", "shape", "values", "value", "error") if name in answer}}


def main():
    """Writes the fixture."""
    mx.set_default_device(mx.cpu)
    # Else every activation is compiled by the machine's C++ compiler.
    mx.disable_compile()
    rows = [row(code) for code in cases.cases()]
    path = HERE / "fixtures" / "mlx.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(it) + "\n" for it in rows), encoding="utf-8")
    failed = [it for it in rows if "error" in it]
    print(f"{len(rows)} cases of MLX {mx.__version__}, {len(failed)} of them errors")
    for it in failed:
        print("  ", it["error"], it["code"])


if __name__ == "__main__":
    main()
