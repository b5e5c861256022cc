"""Types of values: prompts, which are templates unless they are `Verbatim`, and JSON Schemas."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from model_config.format import prompt, release
from model_config.format.errors import SchemaError

Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]


class Verbatim(str):
    r"""A prompt that is no template: `system=Verbatim(r"Write \frac{{a}}{b}.")`.

    It is stored as it is, and rendering leaves it alone.
    """

    __slots__ = ()


class Template(str):
    """The value of a `Prompt` field that is a template. A release lists where they stand."""

    __slots__ = ()


def _check_prompt(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> str:
    text: str = handler(value)
    if info.context == release.RELEASED:
        return text  # checked at its deploy, perhaps by an older package, which allowed more
    if not text.strip():
        raise ValueError("the prompt is empty")
    if isinstance(value, Verbatim):
        return Verbatim(text)
    if stray := list(islice(prompt.stray_braces(text), 4)):
        where = "; ".join([*stray[:3], *("…" for _ in stray[3:])])
        raise ValueError(
            f"{{{{ does not begin a placeholder ({where} of the text): write {{{{name}}}}, where "
            "the name is a letter or _ followed by letters, digits or _; \\{{ for braces that "
            'stay; or Verbatim("...") for a text that is no template'
        )
    return Template(text)


#: A text with placeholders, `{{name}}`, that an application fills in with `Configuration.render`.
#: It must not be empty. Each `{{` in it begins a placeholder, unless it is written `\{{` or the
#: text is `Verbatim`.
Prompt = Annotated[
    str, WrapValidator(_check_prompt), WithJsonSchema({"type": "string", "minLength": 1})
]


def text_beside(module_file: str, name: str) -> str:
    r"""Return the text of a file beside a module: `text_beside(__file__, "support_chat.md")`.

    Line endings become "\n", whatever git checked out, so that the digest is the same on every
    machine. The line ending that editors put at the end of a file is removed, as is a byte order
    mark.

    Raises:
        SchemaError: the file can't be read, or is not UTF-8.
    """
    path = Path(module_file).parent / name
    try:
        return path.read_text(encoding="utf-8-sig").removesuffix("\n")
    except OSError as error:
        raise SchemaError(f"{name} beside {Path(module_file).name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"{name} is not UTF-8 (byte {error.start})") from None


_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_NESTED = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
)  # fmt: skip
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
# The JSON type and the description of what a keyword holds.
_FORMS: Mapping[str, tuple[type, str]] = {
    "required": (list, "a list of names"),
    "enum": (list, "a list of values"),
    **dict.fromkeys(_NAMED, (dict, "an object of schemas by name")),
    **dict.fromkeys(_LISTED, (list, "a list of at least one schema")),
}


def _problems(schema: JsonValue, path: str = "#") -> Iterator[str]:
    if not isinstance(schema, dict | bool):
        yield f"{path} must be a schema: an object, true or false"
    for key, value in schema.items() if isinstance(schema, dict) else ():
        at, inner = f"{path}/{key}", value if isinstance(value, list) else [value]
        form, description = _FORMS.get(key, (object, ""))
        is_wrong = not isinstance(value, form)
        is_wrong |= key in _LISTED and not value
        is_wrong |= key == "required" and not all(isinstance(name, str) for name in inner)
        if is_wrong:
            yield f"{at} must be {description}"
        elif key == "type" and not all(name in _TYPES for name in inner):
            yield f"{at} must be one of {', '.join(_TYPES)}, or a list of them"
        elif key in _NESTED:
            yield from _problems(value, at)
        elif key in (*_NAMED, *_LISTED):
            below = value.items() if isinstance(value, dict) else enumerate(inner)
            for name, nested in below:
                yield from _problems(nested, f"{at}/{name}")


def _check(schema: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
    # A release was checked at its deploy, perhaps by an older package, which allowed more.
    if info.context != release.RELEASED and (problems := list(_problems(schema))):
        raise ValueError(f"it is not a JSON Schema: {'; '.join(problems)}")
    return schema


#: A JSON Schema, whose keys keep their order. Checked are `type`, `required`, `enum` and the form
#: of nested schemas. A provider may support less than JSON Schema has.
JsonSchema: TypeAlias = Annotated[dict[str, JsonValue], AfterValidator(_check)]
