"""Renders a new model's module, and the file of its prompt."""

from __future__ import annotations

from importlib.resources import files
from string import Template

from pydantic.alias_generators import to_camel

from model_config.scaffold import Kind


def module_files(name: str, kind: Kind) -> dict[str, bytes]:
    """Return the files of a new model, by their path in the project.

    Args:
        name: the model's name.
        kind: the class of the model.
    """
    words = {"name": name, "secret": f"{to_camel(name)}ApiKey"}
    return {
        f"models/{name}.{suffix}": Template(file.read_text("utf-8")).substitute(words).encode()
        for file in (files(__package__) / "kinds").iterdir()
        for stem, _, suffix in [file.name.rpartition(".")]
        if stem == kind
    }
