"""The registry of attention implementations."""

from .integrations.sdpa_attention import sdpa_attention_forward
from .utils.generic import GeneralInterface


class AttentionInterface(GeneralInterface):
    """Attention functions by name; `eager` is the definition's own."""

    _global_mapping = {"sdpa": sdpa_attention_forward}

    def get_interface(self, attn_implementation, default):
        if attn_implementation not in (None, "eager") and attn_implementation not in self:
            raise KeyError(f"`{attn_implementation}` is not a valid attention implementation "
                           "registered in the `AttentionInterface`")
        return self.get(attn_implementation, default)


ALL_ATTENTION_FUNCTIONS = AttentionInterface()
