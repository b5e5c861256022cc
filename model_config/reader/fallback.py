"""Fallbacks: files of releases, written at build time, for a start while AWS can't be reached.

A fallback holds what its releases hold, and so no secret's text. It is JSON:
`{"format": 1, "releases": {model: {"release": number, "label": the label that it was read by, or
null, "document": a release document}}}`. In the first version's files, "label" is missing and means
"stable".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from model_config.format import release
from model_config.format.errors import ModelConfigError, ReleaseError, UsageError
from model_config.format.names import model_path
from model_config.reader.configuration import Configuration

FORMAT = 1
# The label of files that don't name one.
_FIRST_LABEL = "stable"


class FallbackRelease(NamedTuple):
    """One model's release in a fallback.

    Attributes:
        number, label: the number and the label that it is served for. The label is None if it was
            read by number.
        content: the content of the release.
    """

    number: int
    label: str | None
    content: release.Release


def fallback_document(configurations: Iterable[Configuration]) -> str:
    """Return the text of a fallback. Equal releases give equal texts.

    Args:
        configurations: one for each model, all of one environment.

    Raises:
        UsageError: two configurations are of one model, or of different environments.
    """
    releases: dict[str, Any] = {}
    environments = set()
    for each in configurations:
        if each.model in releases:
            raise UsageError(f"a fallback can't hold two releases of a model: {each.model}")
        environments.add(each.environment)
        releases[each.model] = {
            "release": each.release,
            "label": each.label,
            "document": release.whole_document(each.content),
        }
    if len(environments) > 1:
        names = ", ".join(sorted(environments))
        raise UsageError(f"a fallback can't hold several environments: {names}")
    text = {"format": FORMAT, "releases": releases}
    return json.dumps(text, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def read_fallback(
    source: str | Path | Mapping[str, Any], environment: str
) -> dict[str, FallbackRelease]:
    """Return the releases in a fallback by model, verified against their digests.

    Args:
        source: the path of the file, or its parsed content.
        environment: the path of the environment that all releases must belong to, "/ai/prod".

    Raises:
        ReleaseError: the file can't be read, or is not a fallback.
        UsageError: `source` has another type.
    """
    if not isinstance(source, str | Path | Mapping):
        raise UsageError(
            f"fallback must be a file's path or its parsed content, not {type(source).__name__}"
        )
    if isinstance(source, Mapping):
        return _releases(source, "the fallback", environment)
    where = f"the fallback {source}"
    try:
        document = json.loads(Path(source).read_text(encoding="utf-8"))
    except OSError as error:
        raise ReleaseError(f"{where} can't be read: {error.strerror}. {_WRITE}") from None
    except (ValueError, RecursionError):
        raise ReleaseError(f"{where} is not JSON. {_WRITE}") from None
    return _releases(document, where, environment)


_WRITE = "Write it with `model-config export --fallback`"


def _releases(document: Any, where: str, environment: str) -> dict[str, FallbackRelease]:
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise ReleaseError(f"{where} has a format other than {FORMAT}. {_WRITE}")
    releases = document.get("releases")
    if not isinstance(releases, Mapping):
        raise ReleaseError(f"{where} has no releases. {_WRITE}")
    return {
        model: _release(each, model, environment, f"{where}, {model}")
        for model, each in releases.items()
    }


def _release(each: Any, model: str, environment: str, where: str) -> FallbackRelease:
    if not isinstance(each, Mapping) or not isinstance(each.get("release"), int):
        raise ReleaseError(f"{where}: no release number. {_WRITE}")
    label = each.get("label", _FIRST_LABEL)
    if not isinstance(label, str | None):
        raise ReleaseError(f"{where}: the label is not text. {_WRITE}")
    try:
        # The same checks as for a release in SSM. A fallback has no parts.
        text = json.dumps(each.get("document"))
        content = release.read_release(text, model_path(environment, model), lambda _: {})
    except (ModelConfigError, TypeError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{where}: {error}. {_WRITE}") from None
    return FallbackRelease(each["release"], label, content)
