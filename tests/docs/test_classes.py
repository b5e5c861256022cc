"""docs/classes.md is what the docstrings of the shipped classes say, and they say all."""

from pathlib import Path

from support.class_reference import classes, page

from model_config.plan.json_schema import attribute_docs

PAGE = Path(__file__).parents[2] / "docs" / "classes.md"


def test_the_page_is_up_to_date() -> None:
    remake = "run: python tests/support/class_reference.py > docs/classes.md"
    assert PAGE.read_text("utf-8") == page(), remake


def test_each_field_has_a_description() -> None:
    for kind in classes():
        assert kind.model_fields.keys() <= attribute_docs(kind).keys(), kind
