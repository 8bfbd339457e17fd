"""The standard library's regular expressions under another library's name."""

from re import *  # noqa: F403
from re import compile, escape, findall, finditer, fullmatch, match, search, split, sub
