"""docs/commands.md knows every verb, and no other."""

import re

import typer.main
from support.project import CHECKOUT

from model_config.cli.app import app

TEXT = (CHECKOUT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_reference_has_every_verb():
    for name, verb in typer.main.get_command(app).commands.items():
        for each in getattr(verb, "commands", {}) or [name]:
            assert re.search(rf"`({name} )?{each}\b", TEXT), f"{name} {each}"


def test_every_verb_is_in_a_group_of_the_help_and_the_reference():
    panels = [verb.rich_help_panel for verb in typer.main.get_command(app).commands.values()]
    assert {f"## {panel}" for panel in panels} == set(re.findall(r"(?m)^## .+", TEXT))
