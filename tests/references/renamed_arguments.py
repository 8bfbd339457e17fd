"""Put below llama's definition by `calling.rs`, with MASK, PAST and RETURNED replaced by names."""

import functools


class _Answer:
    def __init__(self, logits, past):
        self.logits, self.RETURNED = logits, past


def _takes_the_old_name(function):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        if "past_key_values" in kwargs:
            kwargs["PAST"] = kwargs.pop("past_key_values")
        return function(*args, **kwargs)

    return wrapped


_shipped = LlamaForCausalLM.forward  # noqa: F821 - the definition is above


@_takes_the_old_name
def _renamed(self, input_ids=None, MASK=None, position_ids=None, PAST=None, use_cache=None, **kwargs):
    output = _shipped(self, input_ids=input_ids, attention_mask=MASK, position_ids=position_ids,
                      past_key_values=PAST, use_cache=use_cache, **kwargs)
    return _Answer(output.logits, output.past_key_values)


LlamaForCausalLM.forward = _renamed  # noqa: F821
