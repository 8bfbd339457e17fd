"""What real transformers says of the default config of each model type: parameters, and plan entries
that name nothing. Model types come in as arguments; a JSON line a type goes out."""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

transformers.logging.set_verbosity_error()

try:
    from transformers.distributed.tensor_parallel import replace_layer_number_by_wildcard
except ImportError:
    from transformers.integrations.tensor_parallel import replace_layer_number_by_wildcard


def told(model_type):
    """One row; an error where the library itself builds no model."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[model_type]())
    named = [*model.named_modules(), *model.named_parameters()]
    names = {replace_layer_number_by_wildcard(it) for it, _ in named}
    plans = {"tp": model._tp_plan, "ep": model._ep_plan, "pp": model._pp_plan}
    return {"parameters": sum(it.numel() for it in model.parameters()),
            "unmatched": {kind: sorted(set(plan or ()) - names) for kind, plan in plans.items()}}


for name in sys.argv[1:]:
    try:
        row = told(name)
    except Exception as error:
        row = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    print(json.dumps({"model_type": name, **row}), flush=True)
