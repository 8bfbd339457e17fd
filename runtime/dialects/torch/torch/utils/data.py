"""Names of what feeds training."""


class Dataset:
    """Named in type hints."""


class DataLoader:
    """Named in type hints."""
