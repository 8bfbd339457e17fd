"""Modules spread over devices; there are none."""


class DistributedDataParallel:
    """Nothing is an instance of this."""


class DataParallel:
    """Nothing is an instance of this."""
