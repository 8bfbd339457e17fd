"""GGUF checkpoints: not here."""


def load_gguf_checkpoint(*args, **kwargs):
    raise NotImplementedError("GGUF checkpoints")
