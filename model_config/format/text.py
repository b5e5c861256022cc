r"""Texts and values, as people read them.

A model reads every character of a prompt, but a reviewer sees only those that are drawn. So each
comparison, page and comment shows the others by their code points: "brief" with a zero-width space
in it is `brU+200Bief`. Such a character stays as it is where an emoji or a script needs it.
"""

import json
import re
from collections.abc import Iterable

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and the other characters that
# aren't drawn: line and paragraph separators, embeddings, overrides, interlinear annotations.
_NOT_DRAWN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf"
    "\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001eeff"
# Arabic, Persian, Syriac, N'Ko, the scripts of India, Tibetan, Myanmar, Khmer, Mongolian, Adlam.
_JOINED = (
    "\u0600-\u07ff\u0840-\u0fff\u1000-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00010aff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
# Thai, Lao, Tibetan, Myanmar and Khmer write no spaces between words.
_WITHOUT_SPACES = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff"
# England, Scotland and Wales.
_FLAGS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in of) for of in ("gbeng", "gbsct", "gbwls")
)

# Each needs a visible neighbour, so that no sequence of invisible characters can carry a text.
_STAYS = (
    rf"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])",
    rf"(?<=[{_EMOJI}])[\ufe0e\ufe0f]",
    r"(?<=[0-9#*])\ufe0f(?=\u20e3)",
    rf"(?<=\U0001f3f4)(?:{_FLAGS})\U000e007f",
    rf"(?<=[{_JOINED}])[\u200c\u200d]",
    rf"(?<=[{_RIGHT_TO_LEFT}])[\u061c\u200e\u200f]|[\u061c\u200e\u200f](?=[{_RIGHT_TO_LEFT}])",
    rf"(?<=[{_WITHOUT_SPACES}])\u200b(?=[{_WITHOUT_SPACES}])",
    rf"(?<=[{_IDEOGRAPHS}])[\ufe00-\ufe02\U000e0100-\U000e01ef]",
    r"(?<=[\u1000-\u109f\u2200-\u22ff\u2a00-\u2aff\ua840-\ua87f])\ufe00",
    r"(?<=[\u1820-\u18aa])[\u180b-\u180f]",
)
# No pattern yet: compiling it would take 5 ms of each reader's start. `re` keeps what it compiles.
_INVISIBLE = rf"(?P<stays>{'|'.join(_STAYS)})|[{_NOT_DRAWN}]"
# Control characters other than tab and newline could make a terminal show something else.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    r"""Return the text with invisible characters as `U+200B`, and control characters as `\x1b`."""
    shown = re.sub(_INVISIBLE, lambda match: match["stays"] or _code_point(match[0]), text)
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), shown)


def invisible(text: str) -> list[tuple[int, int, str]]:
    """Return line, column (from 1) and code point ("U+200B") of each invisible character."""
    return [
        (number, match.start() + 1, _code_point(match[0]))
        for number, line in enumerate(text.split("\n"), start=1)
        for match in re.finditer(_INVISIBLE, line)
        if not match["stays"]
    ]


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def one_line(value: object) -> str:
    """Return a value as visible JSON on one line, which distinguishes "5" from 5."""
    return visible(json.dumps(value, ensure_ascii=False))


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    head = (room - 1) // 3
    return f"{text[:head]}…{text[head + 1 - room :]}"


def who(arn: str) -> str:
    """Return the identity in an ARN: "anna", "Deployer/build-7", or "-" for moto's "N/A"."""
    if not arn.startswith("arn:"):
        return "-"
    name = arn.split(":", 5)[-1]
    return name.partition("/")[2] or name


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most like a misspelled one, if any is."""
    from difflib import get_close_matches  # noqa: PLC0415 - for a faster --help

    names = sorted(known)
    same = (other for other in names if form(other) == form(name))
    return next(iter((*same, *get_close_matches(name, names, 1, cutoff))), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "..."?` if a known name is close, otherwise the known names."""
    names = sorted(known)
    if close := closest(name, names):
        return f'did you mean "{close}"?'
    return f"known names: {', '.join(names)}" if names else "there are none"


def form(name: str) -> str:
    """Return a name without what people write differently: case, underscores and dashes."""
    return name.casefold().replace("_", "").replace("-", "")
