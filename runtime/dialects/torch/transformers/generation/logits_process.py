"""Parts of a generation loop that is not here."""


def __getattr__(name):
    from . import LogitsProcessor, LogitsProcessorList, StoppingCriteriaList

    if name.startswith("__"):
        raise AttributeError(name)
    known = {"LogitsProcessorList": LogitsProcessorList, "StoppingCriteriaList": StoppingCriteriaList}
    return known.get(name, LogitsProcessor)
