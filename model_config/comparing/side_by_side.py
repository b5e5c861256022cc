"""Two texts side by side: changed words marked, unchanged lines folded, whitespace made visible."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Literal, NamedTuple, TypeAlias

#: "blanks": the two lines differ only in whitespace.
Kind: TypeAlias = Literal["same", "changed", "blanks", "added", "removed"]

#: The number of unchanged lines shown around a change.
_CONTEXT = 3
#: The maximum number of word pairs for a comparison word by word, which then takes a tenth of a
#: second. Beyond it, the whole lines count as changed.
_WORD_PAIRS = 250_000
#: The minimum similarity of two lines at which marking single words helps the reader.
_ALIKE = 0.4
# A placeholder counts as one word, and so does each run of whitespace and each other character.
_WORD = re.compile(r"\{\{ *\w+ *\}\}|\w+|\s+|.", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"\S+")
_SHOWN_BLANKS = str.maketrans({" ": "·", "\t": "⇥", "\r": "␍"})


class Piece(NamedTuple):
    """A piece of a line, and whether it differs."""

    text: str
    is_changed: bool = False


_Pieces: TypeAlias = tuple[Piece, ...]


class Line(NamedTuple):
    """A line on one side, counted from 1."""

    number: int
    pieces: _Pieces


@dataclass(frozen=True, slots=True)
class Row:
    """A line on the left, on the right, or on both."""

    kind: Kind
    left: Line | None
    right: Line | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive rows: shown, or unchanged and folded."""

    rows: tuple[Row, ...]
    is_folded: bool


def side_by_side(before: str, after: str) -> list[Stretch]:
    """Return the rows of two texts, in stretches that are shown or folded."""
    left, right = before.split("\n"), after.split("\n")
    return _folded(list(_rows(left, right)))


def differ_in_blanks_alone(before: str, after: str) -> bool:
    """Return whether two texts differ only in whitespace."""
    return before != after and before.split() == after.split()


def _rows(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    for tag, i, i_end, j, j_end in SequenceMatcher(None, left, right).get_opcodes():
        if tag == "equal":
            for n in range(i_end - i):
                yield _pair("same", i + n, left[i + n], j + n, right[j + n])
        else:
            yield from _replaced(left[i:i_end], i, right[j:j_end], j)


def _replaced(left: Sequence[str], i: int, right: Sequence[str], j: int) -> Iterator[Row]:
    """Yield the rows of different lines. Lines that differ only in whitespace share a row."""
    bare = [[" ".join(line.split()) for line in side] for side in (left, right)]
    for tag, k, k_end, m, m_end in SequenceMatcher(None, bare[0], bare[1]).get_opcodes():
        if tag == "equal":
            for n in range(k_end - k):
                yield _pair("blanks", i + k + n, left[k + n], j + m + n, right[m + n])
            continue
        for n, (one, other) in enumerate(zip_longest(left[k:k_end], right[m:m_end])):
            if one is None:
                yield Row("added", None, _whole(j + m + n, other))
            elif other is None:
                yield Row("removed", _whole(i + k + n, one), None)
            else:
                yield _pair("changed", i + k + n, one, j + m + n, other)


def _pair(kind: Kind, i: int, left: str, j: int, right: str) -> Row:
    if left == right:
        return Row("same", Line(i + 1, (Piece(left),)), Line(j + 1, (Piece(right),)))
    one, other = (_marked_blanks if kind == "blanks" else _marked)(left, right)
    return Row(kind, Line(i + 1, one), Line(j + 1, other))


def _whole(index: int, text: str) -> Line:
    return Line(index + 1, (Piece(text, is_changed=True),))


def _marked(left: str, right: str) -> tuple[_Pieces, _Pieces]:
    """Return two lines, with the words marked that only one of them has."""
    one, other = _WORD.findall(left), _WORD.findall(right)
    if len(one) * len(other) <= _WORD_PAIRS:
        matcher = SequenceMatcher(None, one, other, autojunk=False)
        if matcher.ratio() >= _ALIKE:
            codes = matcher.get_opcodes()
            return (
                _joined(
                    (word, tag != "equal") for tag, i, end, _, _ in codes for word in one[i:end]
                ),
                _joined(
                    (word, tag != "equal") for tag, *_, j, end in codes for word in other[j:end]
                ),
            )
    return (Piece(left, is_changed=True),), (Piece(right, is_changed=True),)


def _joined(words: Iterator[tuple[str, bool]]) -> _Pieces:
    return tuple(
        Piece("".join(word for word, _ in group), is_changed)
        for is_changed, group in groupby(words, key=lambda word: word[1])
    )


def _marked_blanks(left: str, right: str) -> tuple[_Pieces, _Pieces]:
    """Return two lines of the same words, with different whitespace marked and made visible."""
    one, other = _BETWEEN_WORDS.split(left), _BETWEEN_WORDS.split(right)
    differ = [blank != facing for blank, facing in zip(one, other, strict=True)]
    words = left.split()
    return _with_blanks(one, differ, words), _with_blanks(other, differ, words)


def _with_blanks(blanks: list[str], differ: list[bool], words: list[str]) -> _Pieces:
    shown = (
        (blank.translate(_SHOWN_BLANKS) if is_changed else blank, is_changed)
        for blank, is_changed in zip(blanks, differ, strict=True)
    )
    pairs = zip_longest(shown, ((word, False) for word in words), fillvalue=("", False))
    return _joined(piece for pair in pairs for piece in pair if piece[0])


def _folded(rows: list[Row]) -> list[Stretch]:
    stretches: list[Stretch] = []
    for is_same, group in groupby(rows, key=lambda row: row.kind == "same"):
        run = tuple(group)
        head = _CONTEXT if stretches else 0
        tail = len(run) if run[-1] is rows[-1] else len(run) - _CONTEXT
        if is_same and tail - head > 1:
            _show(stretches, run[:head])
            stretches.append(Stretch(run[head:tail], is_folded=True))
            _show(stretches, run[tail:])
        else:
            _show(stretches, run)
    return stretches


def _show(stretches: list[Stretch], rows: tuple[Row, ...]) -> None:
    """Append shown rows to the last shown stretch."""
    if stretches and not stretches[-1].is_folded:
        rows = stretches.pop().rows + rows
    if rows:
        stretches.append(Stretch(rows, is_folded=False))
