"""OpenFeature's provider over a `Reader`: the agent's flags in a Python application without it.

from openfeature import api
api.set_provider(ModelConfigProvider(Reader("prod")))
api.get_client().get_float_value("support_chat/generation/temperature", 0.0)
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    FlagNotFoundError,
    GeneralError,
    InvalidContextError,
    ParseError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata, ProviderStatus

from model_config.agent import flags
from model_config.format.errors import ModelConfigError, UsageError
from model_config.reader.configuration import PROVIDER, Configuration
from model_config.reader.reader import Reader, check_key

__all__ = ["ModelConfigProvider"]

_ERRORS = {"FLAG_NOT_FOUND": FlagNotFoundError, "PARSE_ERROR": ParseError, "GENERAL": GeneralError}


def _resolves(*kinds: type) -> Any:
    """Return the method that resolves flags of some types; its names are OpenFeature's."""

    def resolve(
        self: ModelConfigProvider,
        flag_key: str,
        default_value: Any,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Any]:
        model, path = flags.parse_key(flag_key)
        with self._watched(model):
            configuration = self._reader.get(model, key=_unit(evaluation_context))
        return self._details(configuration, path, kinds, default_value)

    return resolve


def _aresolves(*kinds: type) -> Any:
    async def resolve(
        self: ModelConfigProvider,
        flag_key: str,
        default_value: Any,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Any]:
        model, path = flags.parse_key(flag_key)
        with self._watched(model):
            configuration = await self._reader.aget(model, key=_unit(evaluation_context))
        return self._details(configuration, path, kinds, default_value)

    return resolve


class ModelConfigProvider(AbstractProvider):
    """A provider for OpenFeature's SDK. It can be shared between threads and event loops.

    The flag `support_chat` is a model's whole configuration, an object, and
    `support_chat/generation/temperature` one value. The targeting key is the unit of a rollout.
    Secrets are never flags. The reason is SPLIT within a rollout, STALE in an outage, and otherwise
    STATIC; the variant is the side of the rollout, or else the label.

    Its events: CONFIGURATION_CHANGED with the flags that changed, from the reader's `on_change`;
    STALE, ERROR and READY when an evaluation finds that AWS can't be reached, that a model can't be
    read at all, and that all is well again.

    Args:
        reader: what it reads. It is not closed.
        models: the models to read before the provider is ready. If one can't be read, it is in
            error until an evaluation reads it.
    """

    def __init__(self, reader: Reader, *, models: Iterable[str] = ()) -> None:
        super().__init__()
        self._reader, self._models = reader, list(models)
        self._is_stale = flags.Staleness(reader)
        self._troubles: dict[str, ProviderStatus] = {}
        self._noting = threading.RLock()
        reader.on_change(self._changed)

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(PROVIDER)

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 - its name
        """Read the models that the provider was given."""
        self._troubles = dict.fromkeys(self._models, ProviderStatus.ERROR)
        if self._models:
            with _translated():
                self._reader.get_many(self._models)
        self._troubles = {}

    resolve_boolean_details = _resolves(bool)
    resolve_string_details = _resolves(str)
    resolve_integer_details = _resolves(int)
    resolve_float_details = _resolves(float)
    resolve_object_details = _resolves(dict, list)
    resolve_boolean_details_async = _aresolves(bool)
    resolve_string_details_async = _aresolves(str)
    resolve_integer_details_async = _aresolves(int)
    resolve_float_details_async = _aresolves(float)
    resolve_object_details_async = _aresolves(dict, list)

    def _details(
        self, configuration: Configuration, path: str, kinds: tuple[type, ...], default: Any
    ) -> FlagResolutionDetails[Any]:
        is_stale = self._is_stale(configuration)
        result = flags.outcome(configuration, is_stale=is_stale)
        self._note(configuration.model, ProviderStatus.STALE if is_stale else None)
        with _translated():
            value = flags.value_at(configuration, path)
        if value is None:
            value = default
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            where = f"{path or configuration.model!r} of {configuration!r}"
            raise TypeMismatchError(f"{where} is of type {type(value).__name__}")
        return FlagResolutionDetails(
            value,
            reason=Reason(result.reason),
            variant=result.variant,
            flag_metadata=result.metadata,
        )

    @contextmanager
    def _watched(self, model: str) -> Iterator[None]:
        try:
            with _translated():
                yield
        except FlagNotFoundError:
            if model not in self._models:  # a key's typo, which an outage had hidden
                self._note(model, None)
            raise
        except (GeneralError, ParseError) as error:
            self._note(model, ProviderStatus.ERROR, error.error_message)
            raise

    def _note(self, model: str, trouble: ProviderStatus | None, text: str | None = None) -> None:
        """Emit an event if a model's trouble, or its end, changes how the provider is."""
        if self._troubles.get(model) is trouble:  # almost always
            return
        with self._noting:  # or one thread's event could overtake another's
            before = self._status()
            if trouble is None:
                self._troubles.pop(model, None)
            else:
                self._troubles[model] = trouble
            if (after := self._status()) is before:
                return
            if after is ProviderStatus.STALE:
                text = f"AWS can't be reached; the last good {model} is served"
            emit = {
                ProviderStatus.READY: self.emit_provider_ready,
                ProviderStatus.STALE: self.emit_provider_stale,
                ProviderStatus.ERROR: self.emit_provider_error,
            }
            emit[after](ProviderEventDetails(message=text))

    def _status(self) -> ProviderStatus:
        worst_first = ProviderStatus.ERROR, ProviderStatus.STALE
        troubles = self._troubles.values()
        return next((it for it in worst_first if it in troubles), ProviderStatus.READY)

    def _changed(self, before: Configuration, after: Configuration) -> None:
        if keys := flags.changed_flags(before, after):  # a rotated secret changes no flag
            details = ProviderEventDetails(flags_changed=keys, metadata={"release": after.release})
            self.emit_provider_configuration_changed(details)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ModelConfigError as error:
        raise _ERRORS[flags.error_code(error)](str(error)) from error


def _unit(context: EvaluationContext | None) -> str | None:
    if context is None or context.targeting_key is None:
        return None
    try:
        return check_key(context.targeting_key)
    except UsageError as error:
        raise InvalidContextError(f"targeting_key: {error}") from None
