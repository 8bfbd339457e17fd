"""The Hub, which code in this machine does not reach."""


def _refused(*args, **kwargs):
    raise PermissionError("a port does not reach the Hub: it is given its checkpoint")


snapshot_download = hf_hub_download = _refused


def __getattr__(name):
    raise AttributeError(f"huggingface_hub has no `{name}` in this dialect")
