"""Version numbers."""

from . import version
