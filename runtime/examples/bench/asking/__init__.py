"""What the bench asks of the machine beyond its own session."""


def definition(request):
    """Imports the definition, with all that it imports."""
    import transformers.models.llama.modeling_llama as llama

    return llama.LlamaForCausalLM.__name__
