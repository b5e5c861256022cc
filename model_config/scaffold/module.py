"""Renders a new model's module, and the file of its prompt."""

from __future__ import annotations

from pathlib import Path
from string import Template

from pydantic.alias_generators import to_camel

from model_config.scaffold import Kind

_KINDS = Path(__file__).parent / "kinds"


def module_files(name: str, kind: Kind) -> dict[str, bytes]:
    """Return the files of a new model, by their path in the project."""
    words = {"name": name, "secret": f"{to_camel(name)}ApiKey"}
    return {
        f"models/{name}{file.suffix}": Template(file.read_text("utf-8")).substitute(words).encode()
        for file in _KINDS.glob(f"{kind}.*")
    }
