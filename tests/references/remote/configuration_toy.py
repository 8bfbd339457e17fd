"""The config of a definition that lies beside its checkpoint."""

from transformers import PretrainedConfig


class ToyConfig(PretrainedConfig):
    """Sizes of a toy."""

    model_type = "portwright_toy"

    def __init__(self, vocab_size=320, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, **kwargs):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        super().__init__(**kwargs)
