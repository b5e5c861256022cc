"""JSON Schema as editors read it: its patterns are JavaScript's."""

from __future__ import annotations

from typing import Any

import regex
from jsonschema import Draft7Validator, FormatChecker, ValidationError
from jsonschema.validators import extend


def _pattern(_: Any, given: str, text: Any, __: Any) -> Any:
    # There `$` is the end of the text alone, and \p{L} is a letter.
    if isinstance(text, str) and not regex.search(given.replace("$", r"\Z"), text):
        yield ValidationError(f"{text!r} does not match {given}")


_Validator = extend(Draft7Validator, {"pattern": _pattern})


def validator(schema: Any) -> Any:
    """Return a validator, of a schema that is one itself."""
    Draft7Validator.check_schema(schema, format_checker=FormatChecker(formats=()))
    return _Validator(schema)
