"""Generation is the caller's loop: definitions only inherit from its mixin."""

from .configuration_utils import GenerationConfig, GenerationMode


# By their classes' names, as transformers' own generation has them.
_OWN_PAST = ("reformer", "minimax", "xlnet", "rwkv", "xlstm")


class GenerationMixin:
    """What makes a model able to generate: its own loop is not here."""

    def generate(self, *args, **kwargs):
        raise NotImplementedError("generate(): decode step by step instead")

    def prepare_inputs_for_generation(self, input_ids, **kwargs):
        return {"input_ids": input_ids, **kwargs}

    def _update_model_kwargs_for_generation(self, outputs, model_kwargs, **kwargs):
        return model_kwargs

    @classmethod
    def _supports_default_dynamic_cache(cls):
        """Whether the first call is handed an empty ``DynamicCache``.

        Not where the class keeps its past in another form: a hash table, segments, a state of its own.
        """
        name = cls.__name__.lower()
        if "minimaxm" in name:  # the later ones are plain attention
            return True
        return not any(it in name for it in _OWN_PAST)


class LogitsProcessor:
    """Changes logits before a token is chosen."""


class LogitsProcessorList(list):
    """Several of them."""


class StoppingCriteriaList(list):
    """When to stop."""


class ClassifierFreeGuidanceLogitsProcessor(LogitsProcessor):
    """Named by definitions; not here."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("classifier free guidance")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return LogitsProcessor
