"""``python -m portwright_worker --engine torch|mlx``: one native engine behind JSON lines."""

from __future__ import annotations

import argparse
import os
import sys

from . import protocol


def main() -> int:
    """Choose the engine, put the user's checkouts in front of the installed releases, serve."""
    parser = argparse.ArgumentParser(prog="portwright_worker")
    parser.add_argument("--engine", choices=["torch", "mlx"], required=True)
    parser.add_argument("--transformers", help="a checkout or install of transformers")
    parser.add_argument("--mlx-lm", help="a checkout or install of mlx-lm")
    parser.add_argument("--beside", help="a folder of packages that the release needs in other versions")
    parser.add_argument("--requirements", help="where the versions of these packages come from")
    args = parser.parse_args()
    # One thread: a forked child must not inherit a thread pool, and results must not depend on it.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if args.beside:
        sys.path.insert(0, args.beside)
    for root, package in ((args.transformers, "transformers"), (args.mlx_lm, "mlx_lm")):
        if root:
            sys.path.insert(0, import_root(root, package))
    if args.engine == "torch":
        from .torch_side import engine
    else:
        from .mlx_side import engine
    return protocol.run(lambda: {**engine.preload(), **requirements(args)}, engine.OPS)


def requirements(args: argparse.Namespace) -> dict:
    """What is said of packages that are not the engines' own."""
    if not args.requirements:
        return {}
    return {"requirements": args.requirements}


def import_root(root: str, package: str) -> str:
    """The folder to put on ``sys.path`` so that ``import package`` finds the one under ``root``."""
    for folder in (root, os.path.join(root, "src")):
        if os.path.isfile(os.path.join(folder, package, "__init__.py")):
            return os.path.abspath(folder)
    if os.path.isfile(os.path.join(root, "__init__.py")):
        return os.path.dirname(os.path.abspath(root))
    sys.exit(f"no package `{package}` under {root}")


if __name__ == "__main__":
    sys.exit(main())
