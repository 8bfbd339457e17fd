"""Makes `fixtures/mlx.jsonl`: what real MLX answers to the code of `mlx_asking/cases.py`.

Run it with a Python that has MLX, after a change of the cases: `python runtime/tests/mlx_cases.py`.
"""

import json
import math
import sys
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.utils

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from mlx_asking import cases  # noqa: E402


def number(value):
    """Seven digits, which is what 32 bits hold; JSON has no infinities."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.7g}") if math.isfinite(value) else repr(value)


def answer(code):
    """The dtype, shape and values of `r`, or the class of the error."""
    names = {"mx": mx, "nn": nn, "utils": mlx.utils, "r": None}
    try:
        exec(code, names)
        made = names["r"]
        if not isinstance(made, mx.array):
            return {"value": made if isinstance(made, (int, float, str, bool, list)) else str(made)}
        mx.eval(made)
        wide = made if not mx.issubdtype(made.dtype, mx.floating) else made.astype(mx.float32)
        flat = wide.reshape(-1).tolist()
        return {"dtype": str(made.dtype).rpartition(".")[2], "shape": list(made.shape),
                "values": [number(it) for it in flat]}
    except (ValueError, TypeError, IndexError, RuntimeError, NotImplementedError) as error:
        return {"error": type(error).__name__}


def main():
    """Writes the fixture."""
    mx.set_default_device(mx.cpu)
    # Else every activation is compiled by the machine's C++ compiler.
    mx.disable_compile()
    rows = [{"code": code, **answer(code)} for code in cases.cases()]
    path = HERE / "fixtures" / "mlx.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(it) + "\n" for it in rows), encoding="utf-8")
    failed = [it for it in rows if "error" in it]
    print(f"{len(rows)} cases of MLX {mx.__version__}, {len(failed)} of them errors")
    for it in failed:
        print("  ", it["error"], it["code"])


if __name__ == "__main__":
    main()
