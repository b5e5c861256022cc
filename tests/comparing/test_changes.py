"""What differs between two releases: values, their order, list items, variables and secrets."""

from support.work import calls

from model_config.comparing.changes import Change, changes, value_changes
from model_config.comparing.report import change_lines
from model_config.format.release import Release


def told(before, after):
    return [
        (change.change, change.path, change.before, change.after)
        for change in value_changes(before, after)
    ]


def release(config, secrets=(), templates=()):
    return Release.of("chat", "dev", "Chat", config, secrets=secrets, templates=templates)


def test_equal_values_are_equal_texts():
    assert told({"a": 2}, {"a": 2.0}) == [("changed", "a", 2, 2.0)]
    assert told({"a": 1}, {"a": True}) == [("changed", "a", 1, True)]
    assert told({"a": [1, 2]}, {"a": [1, 2.0]}) == [("changed", "a", [1, 2], [1, 2.0])]
    assert told({"a": 0.1}, {"a": 0.1}) == []


def test_another_order_of_keys_is_a_change_and_the_moved_key_is_named():
    before = {"schema": {"reasoning": 1, "confidence": 2, "answer": 3}}
    after = {"schema": {"answer": 3, "reasoning": 1, "confidence": 2}}
    (change,) = value_changes(before, after)
    assert (change.change, change.path) == ("reordered", "schema")
    assert change.order_text() == "order changed: answer now first"
    assert change.after == ["answer", "reasoning", "confidence"]
    (back,) = value_changes(after, before)
    assert back.order_text() == "order changed: answer now after confidence"
    # A key that comes or goes moves no other.
    assert told({"a": {"x": 1, "y": 2}}, {"a": {"new": 0, "x": 1}}) == [
        ("added", "a/new", None, 0), ("removed", "a/y", 2, None),
    ]  # fmt: skip


def test_short_items_in_another_order_are_named_by_their_values():
    (change,) = value_changes({"stop": ["END", "\n\n", 5]}, {"stop": ["\n\n", 5, "END"]})
    assert change.change == "reordered"
    assert change.order_text() == 'order changed: "END" now after 5'
    assert told({"stop": ["a", "b"]}, {"stop": ["b", "c", "a"]}) == [
        ("changed", "stop", ["a", "b"], ["b", "c", "a"])
    ]


MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello, {{name}}."},
    {"role": "assistant", "content": "Hello."},
]


def test_a_changed_item_is_compared_value_by_value():
    first, second, third = MESSAGES
    other = {**second, "content": "Hello, {{name}} of {{firm}}."}
    (change,) = changes(
        release({"messages": MESSAGES}, templates=["messages/*/content"]),
        release({"messages": [first, other, third]}, templates=["messages/*/content"]),
    )
    assert (change.change, change.path) == ("changed", "messages/1/content")
    assert change.variables_text() == "now asks for firm"


def test_an_item_that_comes_first_leaves_the_others_alone():
    new = {"role": "system", "content": "Be brief."}
    assert told({"messages": MESSAGES}, {"messages": [new, *MESSAGES]}) == [
        ("added", "messages/0/role", None, "system"),
        ("added", "messages/0/content", None, "Be brief."),
    ]
    assert told({"messages": MESSAGES}, {"messages": MESSAGES[1:]}) == [
        ("removed", "messages/0/role", "system", None),
        ("removed", "messages/0/content", "Be kind.", None),
    ]


def test_a_moved_item_is_named_by_its_place_and_told_from_a_changed_one():
    first, second, third = MESSAGES
    (change,) = value_changes({"messages": MESSAGES}, {"messages": [third, first, second]})
    assert (change.path, change.order_text()) == ("messages", "order changed: item 2 now first")
    other = {**second, "role": "tool"}
    assert told({"messages": MESSAGES}, {"messages": [third, first, other]}) == [
        ("reordered", "messages", ["item 0", "item 2"], ["item 2", "item 0"]),
        ("changed", "messages/2/role", "user", "tool"),
    ]


def test_a_prompt_in_a_list_is_told_by_its_variables():
    one, other = (
        {"blocks": ["You.", f"Repository: {{{{{name}}}}}"]} for name in ("repo", "commit")
    )
    prompts = ["blocks/1"]
    (change,) = changes(release(one, templates=prompts), release(other, templates=prompts))
    assert (change.path, change.asks, change.stops_asking) == ("blocks/1", ("commit",), ("repo",))
    (change,) = changes(release(one, templates=prompts), release(other))
    assert (change.asks, change.stops_asking) == ((), ("repo",))
    (change,) = changes(release(one), release(other))
    assert change.variables_text() == ""


def test_a_text_that_becomes_verbatim_is_told_though_its_digest_stays():
    config = {"other": "Hi", "prompt": "Hello, {{name}}."}
    template, verbatim = release(config, templates=["other", "prompt"]), release(config)
    (_, change) = changes(template, verbatim)
    assert (change.path, change.stops_asking) == ("prompt", ("name",))
    (line,) = change_lines(change)
    assert line.text == (
        "~ prompt: the same text, but only one side is a template; no longer asks for name"
    )
    assert [change.asks for change in changes(verbatim, template)] == [(), ("name",)]
    # A prompt on one side alone asks nobody for anything.
    (change,) = changes(release({}), release({"prompt": "Hello, {{name}}."}))
    assert (change.change, change.asks) == ("added", ())


def test_what_is_removed_or_added_whole_is_told_value_by_value():
    assert told({"a": {}}, {"b": {"c": 1, "d": {}}, "e": [1]}) == [
        ("removed", "a", {}, None),
        ("added", "b/c", None, 1),
        ("added", "b/d", None, {}),
        ("added", "e", None, [1]),
    ]


def test_a_value_of_another_kind_is_changed_as_a_whole():
    kinds = [({"x": 1}, [1]), ([{"x": 1}], {"x": 1}), ("1", 1), (None, {}), ([], {})]
    for before, after in kinds:
        assert told({"a": before}, {"a": after}) == [("changed", "a", before, after)]


def test_secrets_are_told_by_path_and_by_config_key_where_it_is_known():
    before, after = release({}, ["a", "b"]), release({}, ["b", "c"])
    assert changes(before, after) == [
        Change("secrets/a", "removed", secret=True),
        Change("secrets/c", "added", secret=True),
    ]
    (change,) = changes(before, before, ({"a": "one", "b": "two"}, {"a": "one", "b": "other"}))
    assert change == Change("secrets/b", "changed", "two", "other", secret=True)


def test_ten_times_the_messages_are_ten_times_the_work():
    def compare(count):
        messages = [{"role": "user", "content": f"Message {number}"} for number in range(count)]
        (change,) = value_changes({"messages": messages}, {"messages": messages[::-1]})
        assert f"{count - 7:,} more" in change.order_text()
        edited = [{**message, "role": "tool"} for message in messages]
        assert len(told({"messages": messages}, {"messages": edited})) == count

    assert calls(lambda: compare(2_000)) < 15 * calls(lambda: compare(200))
