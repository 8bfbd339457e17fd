"""Finding a model's input and output embeddings."""


class EmbeddingAccessMixin:
    """The first table and the last matrix."""

    _input_embed_layer = "embed_tokens"

    def _holder(self):
        name = self._input_embed_layer
        if getattr(self, name, None) is not None:
            return self, name
        for part in ("embeddings", "model"):
            found = getattr(self, part, None)
            if found is not None and hasattr(found, name):
                return found, name
        return None

    def get_input_embeddings(self):
        holder = self._holder()
        if holder is not None:
            return getattr(*holder)
        for part in (getattr(self, "language_model", None), getattr(self, "base_model", None)):
            if part is not None and part is not self and hasattr(part, "get_input_embeddings"):
                return part.get_input_embeddings()
        raise NotImplementedError(f"`get_input_embeddings` is not found for {type(self).__name__}")

    def set_input_embeddings(self, value):
        holder = self._holder()
        if holder is not None:
            setattr(*holder, value)
            return
        for part in (getattr(self, "language_model", None), getattr(self, "base_model", None)):
            if part is not None and part is not self and hasattr(part, "set_input_embeddings"):
                part.set_input_embeddings(value)
                return
        raise NotImplementedError(f"`set_input_embeddings` is not found for {type(self).__name__}")

    def get_output_embeddings(self):
        if not hasattr(self, "lm_head"):
            return None
        try:
            self.get_input_embeddings()
        except NotImplementedError:
            return None
        return self.lm_head

    def set_output_embeddings(self, new_embeddings):
        self.lm_head = new_embeddings
