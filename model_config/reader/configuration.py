"""The configuration that a reader returns: one release of one model, read-only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar

from model_config.format.errors import PromptError
from model_config.format.release import Release
from model_config.reader.frozen import freeze, thaw
from model_config.reader.secret import Secret, locked_secret

ModelT = TypeVar("ModelT")
#: The side of a rollout that a configuration was served on.
Side: TypeAlias = Literal["candidate", "control"]

#: The value of OpenTelemetry's `feature_flag.provider.name`.
PROVIDER = "model-config"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Configuration(Mapping[str, Any]):
    """One model's whole configuration, from one release: an immutable mapping.

    Groups are read-only dicts, and lists are read-only lists. Their `copy`, `deepcopy` and pickle
    are plain, and so is `as_dict()`. A copy of the configuration is the configuration itself. Its
    pickle leaves out the secrets: after unpickling, revealing one raises SecretUnavailableError.

    Attributes:
        release: the release's number, which is SSM's version of the release parameter.
        label: the label that it was read by, or "latest"; None if it was read by number.
        content: the verified release, also read-only.
        secrets: the secrets by their paths below `secrets/` ("api_key", "keys/primary").
        from_fallback: whether it comes from the reader's fallback, not from AWS.
        rollout: the side of its label's rollout that it was served on; None outside of a rollout.
    """

    release: int
    label: str | None
    content: Release
    secrets: Mapping[str, Secret]
    from_fallback: bool
    rollout: Side | None
    _document: str
    _read_at: float
    _clock: Callable[[], float]
    _values: Mapping[str, Any]
    # One for each class, kept when a renewal confirms the release.
    _instances: dict[type[Any], Any] = field(default_factory=dict)

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
        """Return "sha256:" and 64 hex digits. Equal configurations have equal digests."""
        return self.content.digest

    @property
    def age(self) -> float:
        """Seconds since AWS last confirmed it. Infinite if it comes from a fallback."""
        return math.inf if self.from_fallback else self._clock() - self._read_at

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of the values as plain nested dicts and lists, without the secrets."""
        return thaw(self._values)  # type: ignore[no-any-return]

    def as_model(self, schema: type[ModelT]) -> ModelT:
        """Return the configuration as an instance of a schema class.

        The application's class may be older or newer than the release: fields that the class
        doesn't have are left out, and fields that the release doesn't have get the class's
        default. A secret field holds a `SecretRef` with the secret's path ("keys.primary"); the
        text is in `secrets`. The instance is created once and shared by all callers.

        Args:
            schema: a class of `model_config.schema`, or your own subclass.

        Raises:
            SchemaMismatchError: a field is missing and has no default, or a value is not valid.
            UsageError: `schema` is not such a class.
        """
        made: ModelT | None = self._instances.get(schema)
        if made is None:
            from model_config.reader.schema_instance import into_class  # noqa: PLC0415 - for a cold start

            source = f"{self._source()}, written as {self.schema},"
            made = into_class(schema, self.as_dict(), self.secrets, source)
            self._instances[schema] = made
        return made

    def variables(self, path: str) -> list[str]:
        """Return the variables of the text at a path ("prompts/system").

        Raises:
            PromptError: the configuration has no text at that path.
        """
        from model_config.format.prompt import variables  # noqa: PLC0415 - likewise

        return variables(self._text(path))

    def render(self, path: str, /, **values: str | int) -> str:
        """Return the text at a path ("prompts/system") with its variables, `{{name}}`, filled in.

        Placeholders are replaced in one pass: a placeholder in a value is not replaced.

        Args:
            path: the path of a text.
            values: one for each variable of the text, and no others.

        Raises:
            PromptError: the configuration has no text at that path, a variable has no value, or a
                value is not valid. The text names all such variables and values.
        """
        from model_config.format.prompt import render  # noqa: PLC0415 - likewise

        text = self._text(path)
        try:
            return render(text, values)
        except PromptError as error:
            raise PromptError(f"{path} of {self._source()} can't be rendered: {error}") from None

    def attributes(self) -> dict[str, str]:
        """Return OpenTelemetry attributes for a span. They hold none of the configuration's values.

        The variant is the side of a rollout, otherwise the label, otherwise the release's number.
        The names are from the registry of semantic conventions, "Gen AI" and "Feature flag".
        """
        number = str(self.release)
        return {
            "gen_ai.prompt.name": self.model,
            "gen_ai.prompt.version": number,
            "feature_flag.key": self.model,
            "feature_flag.result.variant": self.rollout or self.label or number,
            "feature_flag.set.id": self.environment,
            "feature_flag.version": number,
            "feature_flag.provider.name": PROVIDER,
        }

    def is_of(self, release: int, document: str) -> bool:
        """Return whether it was built from this version and text of a release parameter."""
        return (self.release, self._document) == (release, document)

    def renewed(self, secrets: Mapping[str, Secret], read_at: float) -> Configuration:
        """Return the same release with its secrets as they are now."""
        return replace(self, secrets=freeze(dict(secrets)), rollout=None, _read_at=read_at)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __copy__(self) -> Configuration:
        return self

    def __deepcopy__(self, memo: object) -> Configuration:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        kept = ("release", "label", "from_fallback", "rollout")
        return _unpickled, (self.content, self.age, {name: getattr(self, name) for name in kept})

    def _source(self) -> str:
        return f"release {self.release} of {self.model} in {self.environment}"

    def _text(self, path: str) -> str:
        from model_config.format.prompt import texts as texts_of  # noqa: PLC0415 - likewise

        texts = texts_of(self._values)
        if path not in texts:
            known = ", ".join(texts) or "none"
            raise PromptError(f"{self._source()} has no text {path!r}. Its texts: {known}")
        return texts[path]

    def __repr__(self) -> str:
        label = f" ({self.label})" if self.label else ""
        origin = ", from the fallback" if self.from_fallback else ""
        return (
            f"<Configuration {self.model} in {self.environment}: "
            f"release {self.release}{label}{origin}>"
        )


def configuration(  # noqa: PLR0913 - the parts of a configuration
    content: Release,
    release: int,
    label: str | None,
    secrets: Mapping[str, Secret],
    *,
    document: str = "",
    read_at: float,
    clock: Callable[[], float],
    from_fallback: bool = False,
    rollout: Side | None = None,
) -> Configuration:
    """Return a configuration built from a verified release and its secrets."""
    return Configuration(
        release=release,
        label=label,
        content=content,
        secrets=freeze(dict(secrets)),
        from_fallback=from_fallback,
        rollout=rollout,
        _document=document,
        _read_at=read_at,
        _clock=clock,
        _values=freeze(content.config),
    )


def locked_secrets(content: Release, why: str) -> dict[str, Secret]:
    """Return secrets without texts. Revealing one raises an error with the reason."""
    return {path: locked_secret(path, why) for path in content.secrets}


def _unpickled(content: Release, age: float, about: Mapping[str, Any]) -> Configuration:
    secrets = locked_secrets(content, "the configuration was pickled, and secrets never are")
    clock = time.monotonic
    return configuration(content, secrets=secrets, read_at=clock() - age, clock=clock, **about)
