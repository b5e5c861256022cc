"""What a reader hands out: one release of one model, which can't be changed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar

from model_config.format import prompt
from model_config.format.errors import PromptError
from model_config.format.release import Release
from model_config.reader.frozen import freeze
from model_config.reader.schema_instance import into_class
from model_config.reader.secret import Secret, locked_secret

ModelT = TypeVar("ModelT")
#: The side of a rollout that a configuration was served on.
Side: TypeAlias = Literal["candidate", "control"]

#: What OpenTelemetry's `feature_flag.provider.name` says.
PROVIDER = "model-config"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Configuration(Mapping[str, Any]):
    """One model's configuration, whole, as one release has it: an immutable mapping.

    Groups are dicts and lists are lists, all of them read-only; `as_dict()`, `copy`, `deepcopy`
    and pickle of them give plain ones. A copy of the configuration is the configuration itself.
    Pickled, it keeps everything but its secrets: each of them says so when it is revealed.

    Attributes:
        release: the release's number, SSM's version of the release parameter.
        label: the label it was asked for by, "latest", or None where it was asked for by number.
        content: the release as it was verified, read-only too.
        secrets: path below `secrets/` ("api_key", "keys/primary") to the wrapped text.
        from_fallback: it was not read from AWS but from the file given to the reader.
        rollout: the side it was served on while its label is rolled out; None where it isn't.
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
    # Made once for each class, however often the same release is confirmed.
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
        """Return "sha256:" and 64 hex digits: equal for equal configurations, wherever they are."""
        return self.content.digest

    @property
    def age(self) -> float:
        """Seconds since AWS was last asked and said this. Infinite for one from a fallback."""
        return math.inf if self.from_fallback else self._clock() - self._read_at

    def as_dict(self) -> dict[str, Any]:
        """Return the values as plain nested dicts and lists of your own. Secrets are not in it."""
        return self.content.config.copy()

    def as_model(self, schema: type[ModelT]) -> ModelT:
        """Return the configuration as an instance of the class it is written in.

        The application may be a schema version behind or ahead: what the class doesn't know is
        left out, and what the release doesn't have gets the class's default. A secret field
        holds a `SecretRef` with the secret's path ("keys.primary"), as a sign that there is one:
        its text is in `secrets`. The instance is made once and shared by all who ask.

        Args:
            schema: a class of `model_config.schema`, or your own below it.

        Raises:
            SchemaMismatchError: a field is missing and has no default, or a value is refused.
        """
        made: ModelT | None = self._instances.get(schema)
        if made is None:
            source = f"{self._source()}, written as {self.schema},"
            made = into_class(schema, self.as_dict(), self.secrets, source)
            self._instances[schema] = made
        return made

    def variables(self, path: str) -> list[str]:
        """Return the names that the text at a path ("prompts/system") asks for.

        Raises:
            PromptError: the configuration has no text at that path.
        """
        return prompt.variables(self._text(path))

    def render(self, path: str, /, **values: str | int) -> str:
        """Return the text at a path ("prompts/system") with its variables, `{{name}}`, filled in.

        In one pass and without escapes: what a value contains is never read as a placeholder.

        Args:
            path: the path of a text.
            values: one for each variable of the text, and no others.

        Raises:
            PromptError: the configuration has no text at that path; or with every variable that
                has no value and every value that can't be used.
        """
        text = self._text(path)
        try:
            return prompt.render(text, values)
        except PromptError as error:
            raise PromptError(f"{path} of {self._source()} can't be rendered: {error}") from None

    def attributes(self) -> dict[str, str]:
        """Return what to put on a span, by OpenTelemetry's names; never a value.

        The variant is the side of a rollout, else the label, else the release's number. The names
        are those of the semantic conventions' registry: "Gen AI" and "Feature flag".
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
        """Tell whether it was made of this text of a release parameter, and can be used again."""
        return (self.release, self._document) == (release, document)

    def renewed(self, secrets: Mapping[str, Secret], read_at: float) -> Configuration:
        """Return the same release with its secrets as they are now."""
        return replace(self, secrets=freeze(dict(secrets)), rollout=None, _read_at=read_at)

    def __getitem__(self, key: str) -> Any:
        return self.content.config[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content.config)

    def __len__(self) -> int:
        return len(self.content.config)

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
        texts = prompt.texts(self.content.config)
        if path not in texts:
            there = ", ".join(texts) or "none"
            raise PromptError(f"{self._source()} has no text {path!r}. Its texts: {there}")
        return texts[path]

    def __repr__(self) -> str:
        asked = f" ({self.label})" if self.label else ""
        origin = ", from the fallback" if self.from_fallback else ""
        return (
            f"<Configuration {self.model} in {self.environment}: "
            f"release {self.release}{asked}{origin}>"
        )


def configuration(  # noqa: PLR0913 - what a configuration is made of
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
    """Return a configuration made of a verified release and its secrets."""
    config, names = freeze(content.config), freeze(content.secrets)
    return Configuration(
        release=release,
        label=label,
        content=replace(content, config=config, secrets=names),
        secrets=freeze(dict(secrets)),
        from_fallback=from_fallback,
        rollout=rollout,
        _document=document,
        _read_at=read_at,
        _clock=clock,
    )


def locked_secrets(content: Release, why: str) -> dict[str, Secret]:
    """Return the secrets of a configuration that has none of their texts: each says so."""
    return {path: locked_secret(name, why) for path, name in content.secrets.items()}


def _unpickled(content: Release, age: float, about: Mapping[str, Any]) -> Configuration:
    secrets = locked_secrets(content, "the configuration was pickled, and a secret never is")
    clock = time.monotonic
    return configuration(content, secrets=secrets, read_at=clock() - age, clock=clock, **about)
