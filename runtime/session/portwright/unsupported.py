"""A question that a definition cannot be asked. Imports nothing, so that whoever explains it can."""


class Unsupported(ValueError):
    """What cannot be asked, and as ``hint`` what to do about it."""

    def __init__(self, message, hint=None):
        super().__init__(message)
        self.hint = hint
