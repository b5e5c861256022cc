"""Two texts side by side: changed words marked, unchanged lines folded, whitespace made visible."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Literal, NamedTuple, TypeAlias

from model_config.format.text import visible

#: "blanks": the two lines differ only in whitespace.
Kind: TypeAlias = Literal["same", "changed", "blanks", "added", "removed"]
_Words: TypeAlias = Sequence[tuple[str, bool]]  # with whether each differs

#: The number of unchanged lines shown around a change.
_CONTEXT = 3
#: The maximum number of word pairs for a comparison word by word, which then takes a tenth of a
#: second. Beyond it, all words between the first and the last change count as changed.
_WORD_PAIRS = 250_000
#: The minimum similarity of two lines at which marking single words helps the reader.
_ALIKE = 0.4
# A placeholder counts as one word, and so does each run of whitespace and each other character.
_WORD = re.compile(r"\{\{ *\w+ *\}\}|\w+|\s+|.", re.DOTALL)
_SHOWN_BLANKS = str.maketrans({" ": "·", "\t": "⇥", "\r": "␍"})


class Piece(NamedTuple):
    """A piece of a line, with its invisible characters shown, and whether it differs."""

    text: str
    is_changed: bool = False


class Line(NamedTuple):
    number: int
    pieces: tuple[Piece, ...]


class Row(NamedTuple):
    kind: Kind
    left: Line | None
    right: Line | None


class Stretch(NamedTuple):
    rows: tuple[Row, ...]
    is_folded: bool


def side_by_side(before: str, after: str) -> list[Stretch]:
    rows = list(_rows(before.split("\n"), after.split("\n")))
    near = {
        place + distance
        for place, row in enumerate(rows)
        if row.kind != "same"
        for distance in range(-_CONTEXT, _CONTEXT + 1)
    } | {-1, len(rows)}
    near |= {place for place in range(len(rows)) if {place - 1, place + 1} <= near}
    runs = groupby(range(len(rows)), key=near.__contains__)
    return [Stretch(tuple(rows[n] for n in run), is_folded=not is_near) for is_near, run in runs]


def differ_in_blanks_alone(before: str, after: str) -> bool:
    return before != after and before.split() == after.split()


def common_ends(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Return for how many characters or words two texts begin alike, and end alike after that."""
    start = _common(one, other)
    return start, _common(one[start:][::-1], other[start:][::-1])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (left, right) in pairs if left != right), min(len(one), len(other)))


def _rows(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    # Lines that differ only in whitespace share a row.
    bare, bare_too = ([" ".join(line.split()) for line in side] for side in (left, right))
    for tag, i, i_end, j, j_end in SequenceMatcher(None, bare, bare_too).get_opcodes():
        for n, (one, other) in enumerate(zip_longest(left[i:i_end], right[j:j_end])):
            if one is None:
                yield Row("added", None, _line(j + n, ((other, True),)))
            elif other is None:
                yield Row("removed", _line(i + n, ((one, True),)), None)
            elif one == other:
                yield Row("same", _line(i + n, ((one, False),)), _line(j + n, ((one, False),)))
            else:
                pair = _marked_blanks(one, other) if tag == "equal" else _marked(one, other)
                kind: Kind = "blanks" if tag == "equal" else "changed"
                yield Row(kind, _line(i + n, pair[0]), _line(j + n, pair[1]))


def _marked(before: str, after: str) -> tuple[_Words, _Words]:
    one, other = _WORD.findall(before), _WORD.findall(after)
    start, end = common_ends(one, other)
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    blocks = [(-start, -start, start), (len(left), len(right), end)]
    if len(left) * len(right) <= _WORD_PAIRS:
        blocks += SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    same, same_too = (
        {start + block[side] + n for block in blocks for n in range(block[2])} for side in (0, 1)
    )
    if 2 * len(same) < _ALIKE * (len(one) + len(other)):
        return [(before, True)], [(after, True)]
    return (
        [(word, n not in same) for n, word in enumerate(one)],
        [(word, n not in same_too) for n, word in enumerate(other)],
    )


def _marked_blanks(left: str, right: str) -> tuple[_Words, _Words]:
    """Return two lines of the same words, with different whitespace made visible."""
    one, other = (re.split(r"(\S+)", line) for line in (left, right))
    facing = list(zip(one, other, strict=True))
    return (
        [(a.translate(_SHOWN_BLANKS) if a != b else a, a != b) for a, b in facing],
        [(b.translate(_SHOWN_BLANKS) if a != b else b, a != b) for a, b in facing],
    )


def _line(index: int, words: Iterable[tuple[str, bool]]) -> Line:
    runs = groupby(words, key=itemgetter(1))
    pieces = (("".join(word for word, _ in run), differs) for differs, run in runs)
    return Line(index + 1, tuple(Piece(visible(text), differs) for text, differs in pieces if text))
