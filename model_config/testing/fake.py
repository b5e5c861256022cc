"""For the tests of applications: a reader that needs no AWS.

reader = FakeReader({"support_chat": {"model_id": "m"}}, secrets={"support_chat": {"api_key": "x"}})
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from model_config.format.errors import ModelNotFoundError
from model_config.format.release import Release, digest_of
from model_config.reader.configuration import Configuration, configuration
from model_config.reader.reader import Reader
from model_config.reader.secret import secret_of


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
        super().__init__(environment, ttl=math.inf, client=object())
        self._release = release
        self._texts = secrets or {}
        self._contents = {
            model: _content(model, environment, values, self._texts.get(model, {}))
            for model, values in configurations.items()
        }

    def _load(self, key: tuple[str, str | int], previous: Configuration | None) -> Configuration:  # noqa: ARG002
        model, selector = key
        if model not in self._contents:
            raise ModelNotFoundError(
                f"this FakeReader has no {model}. There are: {', '.join(self._contents) or 'none'}"
            )
        number, label = (selector, None) if isinstance(selector, int) else (self._release, selector)
        return configuration(
            self._contents[model],
            number,
            label,
            {path: secret_of(text) for path, text in self._texts.get(model, {}).items()},
            read_at=self._clock(),
            clock=self._clock,
        )


def _content(
    model: str, environment: str, values: Mapping[str, Any], secrets: Mapping[str, str]
) -> Release:
    names = {path: f"/fake/{environment}/{model}/secrets/{path}" for path in secrets}
    return Release(model, environment, "FakeReader", digest_of(values), dict(values), names)
