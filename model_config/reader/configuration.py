"""What a reader hands out: one release of one model, which can't be changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from model_config.format.release import Release
from model_config.reader.schema_instance import into_class
from model_config.reader.secret import Secret, locked_secret

ModelT = TypeVar("ModelT")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Configuration(Mapping[str, Any]):
    """One model's configuration, whole, as one release has it: an immutable mapping.

    Groups are read-only mappings and lists are tuples; `as_dict()` gives plain ones.

    Attributes:
        release: the release's number, SSM's version of the release parameter.
        label: the label it was asked for by, "latest", or None where it was asked for by number.
        content: the release as it was verified.
        secrets: path below `secrets/` ("api_key", "keys/primary") to the wrapped text.
        from_fallback: it was not read from AWS but from the file given to the reader.
        rollout: "candidate" or "control" during a rollout that this read takes part in, else None.
    """

    release: int
    label: str | None
    content: Release
    secrets: Mapping[str, Secret]
    from_fallback: bool
    _values: Mapping[str, Any]
    _document: str
    _read_at: float
    _clock: Callable[[], float]
    # Made once for each class, however often the same release is confirmed.
    _instances: dict[type[Any], Any] = field(default_factory=dict)
    rollout: Literal["candidate", "control"] | None = None

    @property
    def model(self) -> str:
        """The model's name."""
        return self.content.model

    @property
    def environment(self) -> str:
        """The environment the release was deployed to."""
        return self.content.environment

    @property
    def schema(self) -> str:
        """The name of the class that the configuration was written with."""
        return self.content.schema

    @property
    def digest(self) -> str:
        """Return "sha256:" and 64 hex digits: equal for equal configurations, wherever they are."""
        return self.content.digest

    @property
    def age(self) -> float:
        """Seconds since AWS was last asked and said this. Infinite for one from a fallback."""
        return math.inf if self.from_fallback else self._clock() - self._read_at

    def as_dict(self) -> dict[str, Any]:
        """Return the values as plain nested dicts and lists of your own. Secrets are not in it."""
        return cast(dict[str, Any], _thaw(self._values))

    def as_model(self, schema: type[ModelT]) -> ModelT:
        """Return the configuration as an instance of the class it is written in.

        The application may be a schema version behind or ahead: what the class doesn't know is
        left out, and what the release doesn't have gets the class's default. A secret field
        holds a `SecretRef` with the secret's path ("keys.primary"), as a sign that there is one:
        its text is in `secrets`.

        Args:
            schema: a class of `model_config.schema`, or your own below it.

        Raises:
            SchemaMismatchError: a field is missing and has no default, or a value is refused.
        """
        made = self._instances.get(schema)
        if made is None:
            source = f"release {self.release} of {self.model} in {self.environment}"
            written = f"{source}, written as {self.schema},"
            made = into_class(schema, self.as_dict(), self.secrets, written)
            self._instances[schema] = made
        return cast(ModelT, made)

    def is_of(self, release: int, document: str) -> bool:
        """Tell whether it was made of this text of a release parameter, and can be used again."""
        return (self.release, self._document) == (release, document)

    def renewed(self, secrets: Mapping[str, Secret], read_at: float) -> Configuration:
        """Return the same release with its secrets as they are now."""
        return replace(
            self, secrets=MappingProxyType(dict(secrets)), _read_at=read_at, rollout=None
        )

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        asked = f" ({self.label})" if self.label else ""
        origin = ", from the fallback" if self.from_fallback else ""
        return (
            f"<Configuration {self.model} in {self.environment}: "
            f"release {self.release}{asked}{origin}>"
        )


def configuration(  # noqa: PLR0913 - the seven things a configuration is made of
    content: Release,
    release: int,
    label: str | None,
    secrets: Mapping[str, Secret],
    *,
    document: str = "",
    read_at: float,
    clock: Callable[[], float],
    from_fallback: bool = False,
) -> Configuration:
    """Return a configuration made of a verified release and its secrets."""
    return Configuration(
        release=release,
        label=label,
        content=content,
        secrets=MappingProxyType(dict(secrets)),
        from_fallback=from_fallback,
        _values=_freeze(content.config),
        _document=document,
        _read_at=read_at,
        _clock=clock,
    )


def locked_secrets(content: Release, why: str) -> dict[str, Secret]:
    """Return the secrets of a configuration that has none of their texts: each says so."""
    return {path: locked_secret(name, why) for path, name in content.secrets.items()}


def _freeze(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({key: _freeze(item) for key, item in value.items()})
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def _thaw(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thaw(item) for key, item in value.items()}
    return [_thaw(item) for item in value] if isinstance(value, tuple) else value
