"""A configuration as OpenFeature's flags: "support_chat" as a whole, and each value below it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from model_config.format.errors import ModelConfigError, ReleaseError, UsageError
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader


class ValueNotFoundError(ModelConfigError, LookupError):
    """The release has no value at a path."""


class Outcome(NamedTuple):
    """What OpenFeature reports of an evaluation beside the value."""

    variant: str  #: The side of a rollout, or else the label or the number that was read by.
    reason: str  #: SPLIT within a rollout, STALE in an outage, otherwise STATIC.
    metadata: dict[str, str | int]


def parse_key(key: str) -> tuple[str, str]:
    model, _, path = key.partition("/")
    return model, path


def value_at(configuration: Configuration, path: str) -> Any:
    """Return the part or value at a path ("generation/temperature"), or all for an empty path."""
    if not path:
        return dict(configuration)
    values: Mapping[str, Any] = configuration
    rest = path
    while rest not in values:
        # The keys of a free dict may have slashes themselves.
        for name, value in values.items():
            if isinstance(value, dict) and rest.startswith(f"{name}/"):
                values, rest = value, rest[len(name) + 1 :]
                break
        else:
            if path in configuration.content.none:
                return None
            known = ", ".join(configuration) or "none"
            raise ValueNotFoundError(
                f"release {configuration.release} of {configuration.model} has no value {path!r}. "
                f"At its top it has: {known}"
            )
    return values[rest]


class Staleness:
    """Tells which configurations AWS can't be asked about, by one look for each attempt."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen: tuple[float, float] | None = None
        self._is_away = False
        self._stale: set[tuple[str, str | int | None]] = set()

    def __call__(self, configuration: Configuration) -> bool:
        """Return whether AWS was asked for the configuration's renewal and has not answered."""
        if configuration.age <= self._reader.ttl:  # most reads
            return False
        counters = self._reader.counters()
        seen = counters["renewals"], counters["failures"]
        if seen != self._seen:
            self._look()
            self._seen = seen
        by = configuration.label or configuration.release
        is_old = self._is_away or (configuration.model, by) in self._stale
        return configuration.from_fallback or is_old

    def _look(self) -> None:
        status = self._reader.status()
        self._is_away = status["aws"]["state"] == "away"
        self._stale = {
            (entry["model"], entry["asked_for"].get("label") or entry["asked_for"].get("release"))
            for entry in status["models"]
            if entry["state"] != "good"
        }


def outcome(configuration: Configuration, *, is_stale: bool) -> Outcome:
    side, label = configuration.rollout, configuration.label
    reason = "SPLIT" if side else "STATIC"
    return Outcome(
        variant=side or label or str(configuration.release),
        reason="STALE" if is_stale else reason,
        metadata={
            "release": configuration.release,
            "digest": configuration.digest,
            # OpenFeature's names for OpenTelemetry's feature_flag.version and .set.id.
            "version": str(configuration.release),
            "flagSetId": configuration.environment,
        },
    )


def flags(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a value and all below it, each with its key: "support_chat/generation"."""
    yield key, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from flags(f"{key}/{name}", item)


def changed_flags(before: Configuration, after: Configuration) -> list[str]:
    """Return the keys of the flags whose value differs between two configurations."""
    old, new = (dict(flags(it.model, dict(it))) for it in (before, after))
    # As texts, since 1, 1.0 and True are equal in Python, and the order of keys counts.
    return [key for key in {**old, **new} if repr(old.get(key, ...)) != repr(new.get(key, ...))]


def error_code(error: ModelConfigError) -> str:
    """Return OpenFeature's code for an error of the reader."""
    if isinstance(error, LookupError | UsageError):  # no such model, release, label or value
        return "FLAG_NOT_FOUND"
    return "PARSE_ERROR" if isinstance(error, ReleaseError) else "GENERAL"
