"""A comparison as Markdown: what a comment can hold, and nothing that isn't shown as it stands."""

from model_config.comparing.changes import Change
from model_config.comparing.differences import ModelDifference, sections
from model_config.comparing.report import COMMENT, Report, markdown, report_lines


def report(*changes: Change, model: str = "chat", notes: tuple[str, ...] = ()) -> Report:
    found = [ModelDifference((each,), model, "changed", changes) for each in ("dev", "prod")]
    return Report("main", "HEAD", notes, sections(found if changes else []))


def prompt(path: str, characters: int) -> Change:
    return Change(path, "changed", "old\n", "new line\n" * (characters // 9))


def test_a_short_comparison_is_shown_whole():
    shown = markdown(report(Change("a/b", "changed", 1, 2), prompt("c", 90)))
    assert shown.splitlines()[:5] == [
        "### `main` → `HEAD`", "", "#### `chat` in `dev`, `prod`", "", "- changed `a/b`: `1` → `2`",
    ]  # fmt: skip
    assert "  ```diff\n  @@ -1,2 +1,11 @@\n  -old\n  +new line\n" in shown
    assert "Shortened" not in shown


def lines(*changes: Change) -> list[str]:
    return [line.text.strip() for line in report_lines(report(*changes))]


def test_a_secret_is_told_by_its_config_key():
    change = Change("secrets/api_key", "changed", "oneKey", "otherKey", secret=True)
    words = "a secret, config key"
    assert f"~ secrets/api_key: {words} oneKey → otherKey" in lines(change)
    assert f"- changed `secrets/api_key`: {words} `oneKey` → `otherKey`" in markdown(report(change))
    added = Change("secrets/api_key", "added", None, "oneKey", secret=True)
    assert f"+ secrets/api_key: {words} oneKey" in lines(added)
    assert "+ secrets/api_key: a secret" in lines(Change("secrets/api_key", "added", secret=True))


def test_an_order_is_told_by_what_moved():
    change = Change("schema", "reordered", ["why", "answer"], ["answer", "why"])
    assert "~ schema: order changed: answer now first" in lines(change)
    assert "- reordered `schema`: order changed: `answer` now first" in markdown(report(change))


def test_a_long_line_is_cut_around_its_change():
    words = " ".join(f"word{number}" for number in range(1_500))
    assert len(words) > 12_000
    change = Change("rules", "changed", words, words.replace("word700 ", "another "))
    for shown in (lines(change), markdown(report(change)).splitlines()):
        removed, added = (line.strip() for line in shown if line.strip()[:2] in {"-[", "+["})
        assert "word699 word700 word701" in removed
        assert "word699 another word701" in added
        assert "characters …]" in removed
        assert max(len(removed), len(added)) < 400


def test_a_long_new_line_is_shown_whole_and_a_long_unchanged_one_is_not():
    text = "new " * 3_000
    assert f"+{text}".strip() in lines(Change("rules", "added", None, text))
    (kept,) = (
        line
        for line in lines(Change("rules", "changed", f"{text}\na", f"{text}\nb"))
        if line.startswith("new")
    )
    assert len(kept) < 200


def test_what_nobody_sees_is_shown():
    change = Change(
        "prompt", "changed", "Be helpful.\nBe brief.", "Be helpful.\U000e0061\nBe br\u200bief."
    )
    for shown in ("\n".join(lines(change)), markdown(report(change))):
        assert "+Be helpful.U+E0061" in shown
        assert "+Be brU+200Bief." in shown
        assert "\u200b" not in shown


def test_no_difference_is_said():
    assert "No model's configuration differs." in markdown(report())
    assert list(report_lines(report()))[-1].text == "no difference"


def test_texts_that_do_not_fit_are_left_out_and_counted():
    shown = markdown(
        report(prompt("a", 40_000), prompt("b", 40_000), Change("c", "added", None, 1))
    )
    assert len(shown) <= COMMENT
    assert "- changed `b`\n  (text left out)" in shown
    assert "- added `c`: `1`" in shown
    assert "1 long text and 0 lines" in shown


def test_so_many_changes_that_not_even_their_lines_fit():
    changes = [Change(f"field_{number:05}", "added", None, number) for number in range(3_000)]
    shown = markdown(report(*changes))
    assert COMMENT - 500 < len(shown) <= COMMENT
    left_out = 3_000 - shown.count("- added")
    assert f"0 long texts and {left_out:,} lines" in shown


def test_no_limit_is_ever_exceeded():
    changes = [prompt(f"p{number}", 40 * number) for number in range(1, 30)]
    for limit in range(300, 3_000, 197):
        assert len(markdown(report(*changes), limit)) <= limit


def test_a_prompt_can_not_end_its_own_fence():
    shown = markdown(report(Change("a", "changed", "x\n````\n", "y\n````\n@all\n")))
    assert "  `````diff\n" in shown
    assert shown.count("`````") == 2


def test_backticks_and_control_characters_in_a_value_are_shown_as_they_stand():
    shown = markdown(report(Change("a", "changed", "`x`", "\u202ey")))
    assert '`` "`x`" ``' in shown
    assert "U+202Ey" in shown


def test_a_list_that_is_long_is_compared_item_by_item():
    before, after = [f"word {number}" for number in range(20)], ["word 0"]
    lines = [each.text for each in report_lines(report(Change("stop", "changed", before, after)))]
    assert '      -  "word 19"' in lines
    assert not any("word 0" in line and line.strip().startswith("-") for line in lines[:6])


def test_true_and_1_are_two_values():
    found = [
        ModelDifference(("dev",), "chat", "changed", (Change("a", "changed", before=0, after=1),)),
        ModelDifference(
            ("prod",), "chat", "changed", (Change("a", "changed", before=False, after=True),)
        ),
    ]
    assert [each.environments for each in sections(found)] == [("dev",), ("prod",)]


def test_what_all_environments_share_comes_before_what_one_has():
    found = [
        ModelDifference(("dev",), "chat", "changed", (Change("z", "added", None, 1),)),
        ModelDifference(("dev",), "chat", "changed", (Change("a", "added", None, 1),)),
        ModelDifference(("prod",), "chat", "changed", (Change("a", "added", None, 1),)),
    ]
    assert [each.environments for each in sections(found)] == [("dev", "prod"), ("dev",)]
