"""How a value is stored in a parameter: a string as itself, everything else as compact JSON.

`decode(encode(value), ...) == value` for every value that `encode` accepts.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from model_config.format.errors import CodecError

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Kind: TypeAlias = Literal["text", "json"]

#: Bytes of UTF-8 that one Standard parameter holds (SSM API reference, PutParameter, Tier).
PART_BYTES = 4096
#: The most parts of one field, and of one release. Set by this package, so that one prompt can't
#: fill an account.
MAX_PARTS = 64
#: The largest integer that every JSON reader gets back unchanged (RFC 8785, section 3.2.2.3).
MAX_INTEGER = 2**53 - 1

# What a text is quoted for: a quotation mark at its beginning, what SSM refuses, and control
# characters except tab and line endings, which SSM's console and many tools mangle.
_QUOTED = re.compile(r'\A"|\{\{|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]')


def encode(value: Value) -> str:
    """Return the text, of any length, that `value` is stored as, or raise as `check_storable`."""
    check_storable(value)
    is_plain = isinstance(value, str) and value and not _QUOTED.search(value)
    return cast(str, value) if is_plain else to_json(value)


def decode(text: str, kind: Kind) -> Value:
    """Return the value that is stored as `text`, or raise CodecError for what isn't JSON."""
    if kind == "text" and not text.startswith('"'):
        return text
    try:
        return cast(Value, json.loads(text))
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at character {error.pos}"
    except (ValueError, RecursionError) as error:
        problem = type(error).__name__
    raise CodecError(f"the stored {kind} is not valid JSON ({problem})")


def to_json(value: Value | Mapping[str, object]) -> str:
    """Return compact JSON without `{{` and control characters, its keys in their order."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # json.dumps escapes control characters below U+0020 alone. Each brace before another brace is
    # escaped, so that `{{{` leaves no pair either.
    text = re.sub(r"[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text)
    return re.sub(r"\{(?=\{)", r"\\u007b", text)


def split_at_lines(text: str) -> list[str]:
    """Cut `text` into parts of at most 4,096 bytes, at line ends where there are any.

    The cuts follow the lines' own content, not their position, so that a changed line changes the
    parts around it and leaves the cuts before and after as they were. If that takes more than
    MAX_PARTS, each part is as long as it can be.
    """
    data = text.encode()
    # After each line a cut is possible. Its rank depends on that line and the one before.
    ends, ranks, end, before = [], [], 0, b""
    for line in data.split(b"\n")[:-1]:
        end += len(line) + 1
        ends.append(end)
        ranks.append(zlib.crc32(before + b"\n" + line))
        before = line

    # Each side of a cut has a third of a part, so that few parts are short.
    margin = PART_BYTES // 3
    pieces: list[str] = []
    open_pieces = [(0, len(data))]
    while open_pieces:
        start, stop = open_pieces.pop()
        piece = data[start:stop].decode()
        if stop - start <= PART_BYTES:
            pieces.append(piece)
            continue
        first, last = bisect_left(ends, start + margin), bisect_right(ends, stop - margin)
        if first == last:  # no line ends here
            pieces += split(piece)
            continue
        # The lowest rank wins. Among equals, as in a table of equal lines, it is the middle one.
        middle = start + stop
        cut = min(range(first, last), key=lambda i: (ranks[i], abs(2 * ends[i] - middle)))
        open_pieces += [(ends[cut], stop), (start, ends[cut])]
    return pieces if len(pieces) <= MAX_PARTS else split(text)


def split(text: str, size: int = PART_BYTES) -> list[str]:
    """Cut `text` into parts of at most `size` bytes of UTF-8, never inside a character."""
    data, parts, start = text.encode(), list[str](), 0
    while start < len(data):
        parts.append(data[start : start + size].decode(errors="ignore"))  # but a cut character
        start += size_in_bytes(parts[-1])
    return parts


def size_in_bytes(text: str) -> int:
    """Return the length of `text` in bytes of UTF-8, the unit of SSM's limits."""
    return len(text.encode())


def check_storable(value: object) -> None:
    """Raise CodecError, without a string's value, for what couldn't be read back exactly."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise CodecError(
                    f"half of a surrogate pair at character {error.start}, which UTF-8 can't hold"
                ) from None
        case int() if abs(value) > MAX_INTEGER:
            raise CodecError("an integer beyond 2^53-1, which JSON readers round (RFC 8785)")
        case float() if not math.isfinite(value):
            raise CodecError(f"{value} is not a JSON number")
        case dict() if not all(isinstance(key, str) for key in value):
            raise CodecError("a dict key that is not a string, which JSON can't hold")
        case list() | dict():
            for item in [*value, *value.values()] if isinstance(value, dict) else value:
                check_storable(item)
        case None | int() | float():
            pass
        case _:
            raise CodecError(f"a value of type {type(value).__name__}, which JSON can't hold")
