"""Which device MLX will use, found out without touching it.

Asking a CUDA build of MLX for its device starts the CUDA driver, which a forked child cannot use
afterwards. So the parent asks by another process, and only where such a build is installed.
"""

from __future__ import annotations

import functools
import sys

import mlx.core as mx


@functools.lru_cache(maxsize=1)
def is_gpu() -> bool:
    """Whether models run on a GPU here."""
    if mx.metal.is_available():  # answers from how MLX was built
        return True
    # The embedded runtime, which runs this package too, has neither.
    import importlib.metadata
    import subprocess

    names = {(it.metadata["Name"] or "").lower() for it in importlib.metadata.distributions()}
    if not any(it.startswith("mlx-cuda") for it in names):
        return False
    probe = subprocess.run(
        [sys.executable, "-c", "import mlx.core as mx; print(mx.default_device().type)"],
        capture_output=True, text=True, timeout=60, check=False)
    return "gpu" in probe.stdout
