"""Types for texts: prompts, which are templates unless they are `Verbatim`, and texts in files."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, WithJsonSchema
from pydantic.functional_validators import WrapValidator

from model_config.format.errors import SchemaError
from model_config.format.prompt import stray_braces
from model_config.format.release import RELEASED

_POSITIONS_SHOWN = 3

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
    if info.context == RELEASED:
        return text  # checked at its deploy, perhaps by an older package, which allowed more
    if not text.strip():
        raise ValueError("the prompt is empty")
    if isinstance(value, Verbatim):
        return Verbatim(text)
    if stray := list(islice(stray_braces(text), _POSITIONS_SHOWN + 1)):
        where = "; ".join(stray[:_POSITIONS_SHOWN]) + "; …" * (len(stray) > _POSITIONS_SHOWN)
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
