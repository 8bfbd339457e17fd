"""One process: nothing is spread."""


class PipelineStage:
    """Nothing is an instance of this."""
