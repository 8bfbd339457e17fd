"""Planted: every position predicts what the mean of them predicts."""

_answer = Model.__call__


def _answer_alike(self, *args, **kwargs):
    logits = _answer(self, *args, **kwargs)
    mean = mx.mean(logits.astype(mx.float32), axis=1, keepdims=True).astype(logits.dtype)
    return mx.broadcast_to(mean, logits.shape)


Model.__call__ = _answer_alike
