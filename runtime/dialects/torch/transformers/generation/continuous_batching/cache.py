"""Serving many requests at once: not here."""


class PagedAttentionCache:
    """Nothing is an instance of this."""
