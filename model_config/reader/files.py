"""Files that are read instead of AWS: fallbacks, and a project's local AWS.

A fallback is written at build time, for a start while AWS can't be reached. It holds what its
releases hold, and so no secret's text. It is JSON: `{"format": 1, "releases": {model: {"release":
number, "label": the label that it was read by, or null, "document": a release document}}}`.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from model_config.format.errors import (
    ModelConfigError,
    ReleaseError,
    StoreUnavailableError,
    UsageError,
)
from model_config.format.names import model_path
from model_config.format.release import Release, read_release, whole_document
from model_config.reader.configuration import Configuration
from model_config.reader.source import Stored

FORMAT = 1

_WRITE = "Write it with `model-config export --fallback`"
_STATE = Path(".local") / "state.json"


class FallbackRelease(NamedTuple):
    """One model's release in a fallback, and the number and label that it is served for."""

    number: int
    label: str | None
    content: Release


def fallback_document(configurations: Iterable[Configuration]) -> str:
    """Return the text of a fallback, of one configuration for each model of an environment."""
    releases: dict[str, Any] = {}
    environments = set()
    for each in configurations:
        if each.model in releases:
            raise UsageError(f"a fallback can't hold two releases of a model: {each.model}")
        environments.add(each.environment)
        document = whole_document(each.content)
        releases[each.model] = {"release": each.release, "label": each.label, "document": document}
    if len(environments) > 1:
        names = ", ".join(sorted(environments))
        raise UsageError(f"a fallback can't hold several environments: {names}")
    text = {"format": FORMAT, "releases": dict(sorted(releases.items()))}
    return json.dumps(text, ensure_ascii=False, indent=2) + "\n"


def read_fallback(
    source: str | Path | Mapping[str, Any], environment: str
) -> dict[str, FallbackRelease]:
    """Return the releases in a file, or in its parsed content, by model, all verified."""
    where: str = "the fallback"
    document: Any = source
    if isinstance(source, str | Path):
        where = f"the fallback {source}"
        try:
            document = json.loads(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise ReleaseError(f"{where} can't be read: {error.strerror}. {_WRITE}") from None
        except (ValueError, RecursionError):
            raise ReleaseError(f"{where} is not JSON. {_WRITE}") from None
    elif not isinstance(source, Mapping):
        raise UsageError(
            f"fallback must be a file's path or its parsed content, not {type(source).__name__}"
        )
    number = document.get("format") if isinstance(document, Mapping) else None
    if type(number) is not int or number != FORMAT:  # in Python, True == 1
        raise ReleaseError(f"{where} has a format other than {FORMAT}. {_WRITE}")
    releases = document.get("releases")
    if not isinstance(releases, Mapping):
        raise ReleaseError(f"{where} has no releases. {_WRITE}")
    return {
        model: _release(release, model, environment, f"{where}, {model}")
        for model, release in releases.items()
    }


def _release(release: Any, model: str, environment: str, where: str) -> FallbackRelease:
    release = release if isinstance(release, Mapping) else {}
    number, label = release.get("release"), release.get("label")
    if type(number) is not int or number < 1:
        raise ReleaseError(f"{where}: no release number. {_WRITE}")
    if not isinstance(label, str | None):
        raise ReleaseError(f"{where}: the label is not text. {_WRITE}")
    try:
        # The same checks as for a release in SSM. A fallback has no parts.
        text = json.dumps(release.get("document"))
        content = read_release(text, model_path(environment, model), lambda _: {})
    except (ModelConfigError, TypeError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{where}: {error}. {_WRITE}") from None
    return FallbackRelease(number, label, content)


class LocalFile:
    """The local AWS as a source, for an application that runs with MODEL_CONFIG_LOCAL=1."""

    def __init__(self) -> None:
        project = os.environ.get("MODEL_CONFIG_PROJECT")
        here = Path.cwd()
        folders = [Path(project)] if project else [here, *here.parents]
        try:
            files = [folder / _STATE for folder in folders if (folder / _STATE).is_file()]
        except OSError as error:
            problem = f"the local AWS in {error.filename} can't be read: {error.strerror}"
            raise StoreUnavailableError(problem) from None
        if not files:
            where = folders[0] if project else f"{here} or a folder above it"
            raise UsageError(
                f"MODEL_CONFIG_LOCAL is set, and there is no local AWS in {where}: run "
                "`make local`, or set MODEL_CONFIG_PROJECT to the project's folder"
            )
        self._file = files[0]

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        try:
            regions = json.loads(self._file.read_bytes())["parameters"]
        except (OSError, ValueError, KeyError) as error:
            raise StoreUnavailableError(
                f"the local AWS in {self._file} can't be read ({type(error).__name__}): run "
                "`model-config local deploy`"
            ) from None
        held = {name: versions for those in regions.values() for name, versions in those.items()}
        return {stored.name: stored for name in names if (stored := find(held, name))}

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""


def find(held: dict[str, list[dict[str, Any]]], wanted: str) -> Stored | None:
    """Return the version that "name:selector" selects, among those held by name, oldest first."""
    name, _, selector = wanted.partition(":")
    for version in reversed(held.get(name, ())):
        if not selector or selector in {str(version["version"]), *version["labels"]}:
            modified = datetime.fromisoformat(version["last_modified_date"])
            return Stored(name, int(version["version"]), version["value"], modified)
    return None
