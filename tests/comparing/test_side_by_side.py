"""Two texts side by side: every line is there, what differs is marked, the rest is folded."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.work import calls

from model_config.comparing.side_by_side import (
    Piece,
    Row,
    Stretch,
    differ_in_blanks_alone,
    side_by_side,
)


def rows(before: str, after: str) -> list[Row]:
    return [row for stretch in side_by_side(before, after) for row in stretch.rows]


def kinds(before: str, after: str) -> list[str]:
    return [row.kind for row in rows(before, after)]


def marked(row: Row) -> tuple[list[str], list[str]]:
    sides = (row.left, row.right)
    one, other = ([p.text for p in side.pieces if p.is_changed] if side else [] for side in sides)
    return one, other


def test_only_the_words_that_differ_are_marked_and_a_placeholder_whole() -> None:
    (row,) = rows("You are a kind assistant.", "You are a friendly assistant.")
    assert row.kind == "changed"
    assert marked(row) == (["kind"], ["friendly"])
    assert row.left is not None
    assert row.left.pieces[0] == Piece("You are a ")
    (row,) = rows("Dear {{name}}, how are you?", "Dear {{full_name}}, how are you?")
    assert marked(row) == (["{{name}}"], ["{{full_name}}"])
    # Lines that have nothing in common are marked whole.
    before, after = "Name the topic.", "Réponds toujours en français, s'il te plaît"
    (row,) = rows(before, after)
    assert marked(row) == ([before], [after])


def test_a_new_line_faces_nothing_and_lines_are_counted_on_both_sides() -> None:
    one, new, two = rows("a\nb", "a\nx\nb")
    assert (one.kind, new.kind, two.kind) == ("same", "added", "same")
    assert new.left is None
    assert two.left is not None
    assert two.right is not None
    assert (two.left.number, two.right.number) == (2, 3)


def test_lines_that_differ_in_blanks_alone_face_each_other_and_show_them() -> None:
    assert kinds("one\n  two\nthree", "zero\n\ttwo\nthree") == ["changed", "blanks", "same"]
    (row,) = rows("  two words", "\ttwo  words")
    assert row.kind == "blanks"
    assert marked(row) == (["··", "·"], ["⇥", "··"])


def test_a_change_of_blanks_alone_is_told_and_a_line_end_that_went_is_a_removed_line() -> None:
    assert differ_in_blanks_alone("a b", "a  b")
    for before, after in (("a b", "a b"), ("ab", "a b"), ("a", "b")):
        assert not differ_in_blanks_alone(before, after)
    assert kinds("a\n", "a") == ["same", "removed"]
    assert differ_in_blanks_alone("a\n", "a")


def test_unchanged_stretches_are_folded_but_for_three_lines_around_a_change() -> None:
    lines = [str(number) for number in range(40)]
    changed = [*lines]
    changed[20] = "other"
    stretches = side_by_side("\n".join(lines), "\n".join(changed))
    assert [(stretch.is_folded, len(stretch.rows)) for stretch in stretches] == [
        (True, 17), (False, 7), (True, 16),
    ]  # fmt: skip


def test_a_single_line_is_not_folded_and_the_same_text_is_one_stretch() -> None:
    before = "a\nb\nc\nd\ne\nf\ng"
    stretches = side_by_side(f"1\n{before}\n2", f"x\n{before}\ny")
    assert [stretch.is_folded for stretch in stretches] == [False]
    (stretch,) = side_by_side("a\nb\nc", "a\nb\nc")
    assert stretch == Stretch(stretch.rows, is_folded=True)


@settings(max_examples=30)
@given(st.text("ab \t\n{}", max_size=60), st.text("ab \t\n{}", max_size=60))
def test_nothing_is_lost_and_nothing_added(before: str, after: str) -> None:
    found = rows(before, after)
    shown = str.maketrans({"·": " ", "⇥": "\t"})
    for text, side in ((before, "left"), (after, "right")):
        lines = [getattr(row, side) for row in found if getattr(row, side)]
        assert "\n".join("".join(p.text for p in line.pieces) for line in lines).translate(
            shown
        ) == text.translate(shown)
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))


@pytest.mark.parametrize("separator", ["\n", " "], ids=["lines", "one line"])
def test_ten_times_the_words_with_nothing_in_common_are_ten_times_the_work(separator: str) -> None:
    dice = random.Random(1)  # noqa: S311 - made-up words

    def work(words: int) -> int:
        one, other = (
            separator.join(dice.choice(letters) * 9 for _ in range(words))
            for letters in ("abcdefg", "hijklmn")
        )
        found: list[str] = []
        count = calls(lambda: found.extend(kinds(one, other)))
        assert "same" not in found
        return count

    assert work(3_000) < 15 * work(300)
