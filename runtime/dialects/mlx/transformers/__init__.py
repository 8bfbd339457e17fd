"""The tokenizers' names, which mlx-lm's modules import; no port's computation asks for one."""


def _refused(name):
    def init(self, *args, **kwargs):
        raise NotImplementedError(f"transformers.{name}: there are no tokenizers in this dialect")

    return type(name, (), {"__init__": init, "from_pretrained": classmethod(lambda cls, *a, **k: cls()),
                           "register": classmethod(lambda cls, *a, **k: None)})


AutoTokenizer = _refused("AutoTokenizer")
PreTrainedTokenizer = _refused("PreTrainedTokenizer")
PreTrainedTokenizerFast = _refused("PreTrainedTokenizerFast")
PreTrainedTokenizerBase = _refused("PreTrainedTokenizerBase")
PretrainedConfig = _refused("PretrainedConfig")


def __getattr__(name):
    raise AttributeError(f"transformers has no `{name}` in this dialect")
