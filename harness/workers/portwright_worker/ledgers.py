"""What a definition uses of its config, its branches and its weights in one forward and some decoding.

``ledgers`` takes what ``open_model`` takes, without a handle, and ``tokens`` (rows of ids), and gives:

- ``class``, ``file``: what was run and where it lies.
- ``config``: ``read`` and ``never_read``, field names with the path of their part (``vision.depth``).
- ``branches``: a row for every test inside a function of the definition's own file: ``line``, ``kind``
  (``if``, ``elif``, ``while``, ``ternary``), ``function``, ``source`` (the line's text), and how often
  it was ``[true, false]`` while the model was built (``opening``) and while it ran (``running``).
  Two zeros: never reached.
- ``weights``: ``used`` and ``never_used``, names of parameters that a kernel read or none did while the
  model ran, each tied pair under one name; ``unexpected``, tensors of the checkpoint that belong
  nowhere; ``missing``, parameters that the checkpoint does not hold.
"""

import torch
from portwright import config_ledger, loading
from portwright.blame import Blame
from portwright.branches import Branches
from portwright.calling import Decoding, call
from portwright.reads import Reads

# So many tokens at the end of the first row are decoded one by one.
_DECODED = 2


def ledgers(request):
    fields, architecture = request["config"], request.get("architecture")
    config = loading.config_of(fields)
    branches = Branches(loading.model_class(config, architecture).__module__)
    model, report = loading.load(fields, request.get("dtype"), request.get("attention") or "eager",
                                 request.get("experts") or "eager", architecture, True)
    branches.run()
    tokens = torch.tensor(request["tokens"])  # [B, T]
    with Blame(model), Reads() as reads:
        call(model, tokens, use_cache=False)
        if tokens.shape[1] > _DECODED:
            decoding, prompt = Decoding(model), tokens.shape[1] - _DECODED
            decoding.step(tokens[:1, :prompt])
            for place in range(prompt, tokens.shape[1]):
                decoding.step(tokens[:1, place:place + 1])
    used = {name: it.storage_id() in reads.storages for name, it in model.named_parameters()}
    read = config_ledger.fields_read(model.config)
    return {
        "class": report["class"], "file": branches.file,
        "config": {"read": sorted(read),
                   "never_read": sorted(config_ledger.fields_of(model.config) - read)},
        "branches": branches.rows,
        "weights": {"used": [it for it, yes in used.items() if yes],
                    "never_used": [it for it, yes in used.items() if not yes],
                    "unexpected": report["unexpected"], "missing": report["missing"]},
    }
