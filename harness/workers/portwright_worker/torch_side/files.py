"""The seam to files: the worker's own functions, or those of the embedded runtime without files."""

import sys

if sys.implementation.name == "rustpython":
    from ..embedded_files import (  # noqa: F401
        fingerprint, load_model, load_tensors, read_config, read_json, save_model, save_tensors,
        stored_parameters, weight_files, write_json,
    )
else:
    from .native_files import (  # noqa: F401
        fingerprint, load_model, load_tensors, read_config, read_json, save_model, save_tensors,
        stored_parameters, weight_files, write_json,
    )
