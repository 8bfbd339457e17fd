"""The loss of a causal LM; the others are not here."""

from torch.nn import functional as F


def fixed_cross_entropy(source, target, num_items_in_batch=None, ignore_index=-100, **kwargs):
    reduction = "sum" if num_items_in_batch is not None else "mean"
    loss = F.cross_entropy(source, target, ignore_index=ignore_index, reduction=reduction)
    return loss / num_items_in_batch if reduction == "sum" else loss


def ForCausalLMLoss(logits, labels, vocab_size, num_items_in_batch=None, ignore_index=-100,
                    shift_labels=None, **kwargs):
    if shift_labels is None:
        shift_labels = F.pad(labels, (0, 1), value=ignore_index)[..., 1:]
    logits = logits.float().view(-1, vocab_size)
    return fixed_cross_entropy(logits, shift_labels.reshape(-1), num_items_in_batch, ignore_index)


LOSS_MAPPING = {"ForCausalLM": ForCausalLMLoss, "ForConditionalGeneration": ForCausalLMLoss}
