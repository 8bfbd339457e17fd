"""Layers and heads that every definition shares."""

from functools import partial

import torch
from torch import nn

from ._beside import beside
from .cache_utils import Cache
from .modeling_outputs import (
    BaseModelOutputWithPast, QuestionAnsweringModelOutput, SequenceClassifierOutputWithPast,
    TokenClassifierOutput,
)


class GradientCheckpointingLayer(nn.Module):
    """A layer whose forward could be recomputed; it is called."""

    gradient_checkpointing = False


class _Head:
    """A head on the base model, which lies under the name `base_model_prefix`."""

    base_model_prefix = "model"

    def _build(self, config, name, size):
        from .models.auto import AutoModel

        setattr(self, self.base_model_prefix, AutoModel.from_config(config))
        setattr(self, name, nn.Linear(config.hidden_size, size, bias=name != "score"))
        self.post_init()

    def _hidden(self, input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, kwargs):
        base = getattr(self, self.base_model_prefix)
        return base(input_ids, attention_mask=attention_mask, position_ids=position_ids,
                    past_key_values=past_key_values, inputs_embeds=inputs_embeds, **kwargs)


class GenericForSequenceClassification(_Head):
    """The last token's class."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self._build(config, "score", self.num_labels)

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None,
                inputs_embeds=None, labels=None, use_cache=None, **kwargs):
        outputs = self._hidden(input_ids, attention_mask, position_ids, past_key_values,
                               inputs_embeds, {**kwargs, "use_cache": use_cache})
        logits = self.score(outputs.last_hidden_state)
        rows = logits.shape[0]
        if self.config.get_text_config().pad_token_id is None or input_ids is None:
            last = -1
        else:
            kept = (input_ids != self.config.get_text_config().pad_token_id).to(torch.int32)
            last = (torch.arange(input_ids.shape[-1], dtype=torch.int32) * kept).argmax(-1)
        return SequenceClassifierOutputWithPast(logits=logits[torch.arange(rows), last],
                                                past_key_values=outputs.past_key_values)


class GenericForTokenClassification(_Head):
    """A class for every token."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.dropout = nn.Dropout(0.0)
        self._build(config, "score", self.num_labels)

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None,
                inputs_embeds=None, labels=None, use_cache=None, **kwargs):
        outputs = self._hidden(input_ids, attention_mask, position_ids, past_key_values,
                               inputs_embeds, {**kwargs, "use_cache": use_cache})
        return TokenClassifierOutput(logits=self.score(outputs.last_hidden_state))


class GenericForQuestionAnswering(_Head):
    """Where an answer starts and ends."""

    base_model_prefix = "transformer"

    def __init__(self, config):
        super().__init__(config)
        self._build(config, "qa_outputs", 2)

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None,
                inputs_embeds=None, **kwargs):
        outputs = self._hidden(input_ids, attention_mask, position_ids, past_key_values,
                               inputs_embeds, kwargs)
        start, end = self.qa_outputs(outputs.last_hidden_state).split(1, -1)
        return QuestionAnsweringModelOutput(start_logits=start.squeeze(-1), end_logits=end.squeeze(-1))


__getattr__ = beside("transformers.modeling_layers", globals())
