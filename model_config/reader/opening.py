"""Builds configurations from parameters: verifies the release, and wraps the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from model_config.format import release
from model_config.format.codec import decode
from model_config.format.errors import CodecError, ReleaseError, SecretUnavailableError
from model_config.format.names import RELEASE, model_path
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration, configuration, locked_secrets
from model_config.reader.fallback import FallbackRelease
from model_config.reader.frozen import freeze
from model_config.reader.secret import Secret, secret_of
from model_config.reader.source import Source, Stored


class Answer(NamedTuple):
    """A source's answer: the parameters by name, and when they were requested."""

    found: Mapping[str, Stored]
    asked_at: float


class Opener(NamedTuple):
    """Builds configurations from parameters, and fetches those that are missing.

    Attributes:
        source: where parameters come from.
        clock: the reader's clock.
        with_secrets: whether to fetch secrets.
        path: the environment's path, "/ai/prod".
    """

    source: Source
    clock: Clock
    with_secrets: bool
    path: str

    def opened(
        self, stored: Stored, answer: Answer, label: str | None, schema: type[Any] | None
    ) -> Configuration:
        """Return the configuration that a release parameter holds.

        Raises:
            ReleaseError: the release was changed, or has a newer format.
            SecretUnavailableError: a secret that it names can't be read.
            SchemaMismatchError: the release doesn't fit the class.
            ModelConfigError: the source raised it.
        """
        content = open_release(self.source, stored)
        made = configuration(
            content,
            stored.version,
            label,
            self._secrets(content, answer, stored.name.removesuffix(f"/{RELEASE}")),
            document=stored.text,
            read_at=answer.asked_at,
            clock=self.clock,
        )
        if schema is not None:
            made.as_model(schema)  # checks it, and keeps the instance
        return made

    def renewed(self, known: Configuration, answer: Answer) -> Configuration:
        """Return a configuration that AWS confirmed, with its secrets as they are now."""
        secrets = self._secrets(known.content, answer, self._model(known))
        return known.renewed(secrets, answer.asked_at)

    def with_newest_secrets(self, known: Configuration, answer: Answer) -> Configuration:
        """Return a configuration that AWS did not confirm, with its secrets as they are now."""
        secrets = self._secrets(known.content, answer, self._model(known))
        return replace(known, secrets=freeze(secrets))

    def from_fallback(
        self, release: FallbackRelease, label: str | None, schema: type[Any] | None
    ) -> Configuration:
        """Return the configuration that a fallback holds.

        Raises:
            SchemaMismatchError: the release doesn't fit the class.
        """
        content = release.content
        why = "AWS can't be reached, and a fallback holds no secrets"
        made = configuration(
            content,
            release.number,
            label,
            locked_secrets(content, why),
            read_at=self.clock(),
            clock=self.clock,
            from_fallback=True,
        )
        if schema is not None:
            made.as_model(schema)
        return made

    def _model(self, known: Configuration) -> str:
        return model_path(self.path, known.model)

    def _secrets(self, content: release.Release, answer: Answer, model: str) -> dict[str, Secret]:
        if not self.with_secrets:
            return locked_secrets(content, "the reader was created with secrets=False")
        names = content.secret_names(model)
        missing = [name for name in names.values() if name not in answer.found]
        found = {**answer.found, **self.source.get(missing)} if missing else answer.found
        return {path: secret_in(name, found.get(name)) for path, name in names.items()}


def open_release(source: Source, stored: Stored) -> release.Release:
    """Verify a release parameter and return its content. Its parts are fetched, if it has any.

    Raises:
        ReleaseError: the release was changed, or has a newer format.
        ModelConfigError: the source raised it.
    """
    path = stored.name.removesuffix(f"/{RELEASE}")
    try:
        return release.read_release(
            stored.text,
            path,
            lambda names: {part.name: part.text for part in source.get(names).values()},
        )
    except ReleaseError as error:
        environment, model = path.split("/")[-2:]
        raise ReleaseError(
            f"{stored.name}:{stored.version} can't be used: {error}. "
            f"List the others with `model-config releases {model} --environment {environment}`"
        ) from None


def secret_in(name: str, stored: Stored | None) -> Secret:
    """Return the secret that a parameter holds.

    Args:
        name: the parameter's name.
        stored: the parameter, or None if it doesn't exist.

    Raises:
        SecretUnavailableError: it doesn't exist, or was not written by a deploy.
    """
    if stored is None:
        raise SecretUnavailableError(
            f"the release names the secret {name}, and that parameter doesn't exist. Deploy the "
            "model again, or read a release that doesn't name it"
        )
    secret = _decoded(stored)
    if secret is None:
        raise SecretUnavailableError(
            f"the secret {name} was not written by a deploy: it begins with a quotation mark but "
            "is not a JSON string. Set it with `pulumi config set --secret` and deploy"
        )
    return secret


def _decoded(stored: Stored) -> Secret | None:
    # Nothing is raised here, because the decoder's frame and error would hold the text.
    with suppress(CodecError):
        return secret_of(str(decode(stored.text, "text")))
    return None
