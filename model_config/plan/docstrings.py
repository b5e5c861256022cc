"""Parses docstrings: the summary of a class, and the entries under "Attributes:"."""

from __future__ import annotations

import re
from inspect import cleandoc

_SECTION = re.compile(r"\n\nAttributes:\n((?: .*\n?|\n)*)")
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n     .*)*)", re.MULTILINE)


def summary(kind: type) -> str:
    """Return the first paragraph of a class's own docstring."""
    return cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the descriptions of attributes in the docstrings of a class and its base classes."""
    docs: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        for section in _SECTION.findall(cleandoc(each.__doc__ or "")):
            for name, text in _ATTRIBUTE.findall(section):
                docs[name] = " ".join(text.split())
    return docs
