"""The local AWS as a source, for an application that runs with MODEL_CONFIG_LOCAL=1.

It reads the file in which `model-config local deploy` and the other commands keep the local AWS, so
it needs neither moto nor a server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from model_config.format.errors import StoreUnavailableError, UsageError
from model_config.reader.source import Stored

_STATE = Path(".local") / "state.json"


class LocalFile:
    """The parameters in a project's `.local/`.

    Raises:
        UsageError: neither the current folder nor one above it has been deployed locally.
    """

    def __init__(self) -> None:
        project = os.environ.get("MODEL_CONFIG_PROJECT")
        here = Path.cwd()
        folders = [Path(project)] if project else [here, *here.parents]
        files = [folder / _STATE for folder in folders if (folder / _STATE).is_file()]
        if not files:
            where = folders[0] if project else f"{here} or a folder above it"
            raise UsageError(
                f"MODEL_CONFIG_LOCAL is set, and there is no local AWS in {where}: run "
                "`make local`, or set MODEL_CONFIG_PROJECT to the project's folder"
            )
        self._file = files[0]

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return parameters by their bare name, leaving out those that don't exist."""
        try:
            regions = json.loads(self._file.read_bytes())["parameters"]
        except (OSError, ValueError, KeyError) as error:
            raise StoreUnavailableError(
                f"the local AWS in {self._file} can't be read ({type(error).__name__}): run "
                "`model-config local deploy`"
            ) from None
        held = {name: versions for those in regions.values() for name, versions in those.items()}
        return {stored.name: stored for name in names if (stored := _find(held, name))}

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""


def _find(held: dict[str, list[dict[str, Any]]], wanted: str) -> Stored | None:
    name, _, selector = wanted.partition(":")
    for version in reversed(held.get(name, ())):
        if not selector or selector in {str(version["version"]), *version["labels"]}:
            modified = datetime.fromisoformat(version["last_modified_date"])
            return Stored(name, int(version["version"]), version["value"], modified)
    return None
