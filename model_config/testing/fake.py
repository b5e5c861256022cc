"""For the tests of applications: a reader that needs no AWS.

reader = FakeReader({"support_chat": {"model_id": "m"}}, secrets={"support_chat": {"api_key": "x"}})
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from model_config.format.errors import ModelNotFoundError
from model_config.format.names import (
    environment_path,
    model_path,
    parse,
    release_name,
    secret_name,
)
from model_config.format.release import Release, digest_of, write_release
from model_config.reader.reader import Reader
from model_config.reader.source import Stored


class FakeReader(Reader):
    """A reader of the configurations it is given, by whatever label or number they are asked for.

    Args:
        configurations: each model's values, nested as in the schema, by the model's name.
        secrets: each model's secrets, as path ("api_key", "keys/primary") and text.
        environment: what the configurations say they are of.
        release: the number they have where they are asked for by label.

    Raises:
        ReleaseError: a value that no release can hold.
    """

    def __init__(
        self,
        configurations: Mapping[str, Mapping[str, Any]],
        *,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        environment: str = "test",
        release: int = 1,
    ) -> None:
        path = environment_path("/ai", environment)
        source = _Documents(path, release)
        for model, values in configurations.items():
            source.deploy(model, values, (secrets or {}).get(model, {}))
        super().__init__(environment, ttl=math.inf, max_stale=math.inf, source=source)


class _Documents:
    """A source of what it was told was deployed."""

    def __init__(self, path: str, release: int) -> None:
        self._path, self._release = path, release
        self._texts: dict[str, str] = {}

    def deploy(self, model: str, values: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        path = model_path(self._path, model)
        names = {each: secret_name(path, each) for each in secrets}
        environment = self._path.rpartition("/")[2]
        content = Release(model, environment, "FakeReader", digest_of(values), dict(values), names)
        written = write_release(content, release_name(path))
        self._texts |= {release_name(path): written.document, **written.parts}
        self._texts |= {names[each]: text for each, text in secrets.items()}

    def get(self, names: Sequence[str]) -> dict[str, Stored]:
        found = {}
        for asked in names:
            name, _, selector = asked.partition(":")
            if name in self._texts:
                version = int(selector) if selector.isdigit() else self._release
                found[name] = Stored(name, version, self._texts[name])
            elif parse(name, self._path).kind == "release":
                raise ModelNotFoundError(self._unknown(parse(name, self._path).model))
        return found

    def close(self) -> None:
        pass

    def _unknown(self, model: str) -> str:
        known = [
            parsed.model
            for parsed in (parse(name, self._path) for name in self._texts)
            if parsed.kind == "release"
        ]
        return f"this FakeReader has no {model}. There are: {', '.join(known) or 'none'}"
