"""In which module of a model an exception was raised."""


class Blame:
    """Names the module on the exception that leaves the block: ``model.layers.2.mlp``."""

    def __init__(self, model):
        self._model = model

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        culprit = None if error is None else error.__dict__.get("_portwright_module_object")
        if culprit is not None:
            for name, it in self._model.named_modules():
                if it is culprit:
                    error._portwright_module = name or type(self._model).__name__
        return False
