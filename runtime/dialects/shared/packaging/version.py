"""Comparing version numbers."""

import re

_PARTS = re.compile(r"\d+|[a-z]+")


class InvalidVersion(ValueError):
    """Not a version."""


class Version:
    """A version: its release numbers, and whether it comes before the release."""

    def __init__(self, text):
        text = str(text).strip().lower().removeprefix("v").partition("+")[0]
        match = re.match(r"\d+(\.\d+)*", text)
        if not match:
            raise InvalidVersion(text)
        self._text = text
        self.release = tuple(int(it) for it in match.group().split("."))
        rest = text[match.end():]
        self.is_prerelease = bool(re.search(r"dev|rc|a|b", rest))
        self.is_devrelease = "dev" in rest
        stripped = list(self.release)
        while stripped and stripped[-1] == 0:
            stripped.pop()
        self._key = (tuple(stripped), not self.is_prerelease, rest)

    major = property(lambda self: self.release[0])
    minor = property(lambda self: (self.release + (0,))[1])
    micro = property(lambda self: (self.release + (0, 0))[2])
    base_version = property(lambda self: ".".join(map(str, self.release)))

    def __str__(self):
        return self._text

    def __repr__(self):
        return f"<Version({self._text!r})>"

    def __hash__(self):
        return hash(self._key)

    def __eq__(self, other):
        return self._key == other._key

    def __lt__(self, other):
        return self._key < other._key

    def __le__(self, other):
        return self._key <= other._key

    def __gt__(self, other):
        return self._key > other._key

    def __ge__(self, other):
        return self._key >= other._key


def parse(text):
    return Version(text)
