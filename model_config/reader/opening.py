"""From parameters to a configuration: the release opened and verified, the secrets wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from model_config.format import release
from model_config.format.codec import decode
from model_config.format.errors import CodecError, ReleaseError, SecretUnavailableError
from model_config.format.names import RELEASE
from model_config.reader.clock import Clock
from model_config.reader.configuration import Configuration, configuration, locked_secrets
from model_config.reader.fallback import FallbackRelease
from model_config.reader.frozen import freeze
from model_config.reader.secret import Secret, secret_of
from model_config.reader.source import Source, Stored


class Answer(NamedTuple):
    """What a source answered: parameters by name, and when they were asked for."""

    found: Mapping[str, Stored]
    asked_at: float


class Opener(NamedTuple):
    """Makes configurations of parameters, asking for what is missing.

    Attributes:
        source: what to ask.
        clock: the reader's.
        with_secrets: whether to ask for secrets.
    """

    source: Source
    clock: Clock
    with_secrets: bool

    def opened(
        self, stored: Stored, answer: Answer, label: str | None, schema: type[Any] | None
    ) -> Configuration:
        """Return the configuration that a release parameter holds.

        Raises:
            ReleaseError: it is not what was released, or of a newer format.
            SecretUnavailableError: a secret that it names can't be had.
            SchemaMismatchError: the class refuses it.
            ModelConfigError: what the source raises.
        """
        content = open_release(self.source, stored)
        made = configuration(
            content,
            stored.version,
            label,
            self._secrets(content, answer),
            document=stored.text,
            read_at=answer.asked_at,
            clock=self.clock,
        )
        if schema is not None:
            made.as_model(schema)  # which it keeps
        return made

    def renewed(self, known: Configuration, answer: Answer) -> Configuration:
        """Return a configuration that AWS confirmed, its secrets as they are now."""
        return known.renewed(self._secrets(known.content, answer), answer.asked_at)

    def with_newest_secrets(self, known: Configuration, answer: Answer) -> Configuration:
        """Return a configuration that AWS did not confirm, its secrets as they are now."""
        return replace(known, secrets=freeze(self._secrets(known.content, answer)))

    def stand_in(
        self, release: FallbackRelease, label: str | None, schema: type[Any] | None
    ) -> Configuration:
        """Return the configuration that a fallback holds.

        Raises:
            SchemaMismatchError: the class refuses it.
        """
        content = release.content
        why = "AWS can't be asked, and a fallback holds no secrets"
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

    def _secrets(self, content: release.Release, answer: Answer) -> dict[str, Secret]:
        if not self.with_secrets:
            return locked_secrets(content, "this reader was made with secrets=False")
        names = content.secrets
        missing = [name for name in names.values() if name not in answer.found]
        found = {**answer.found, **self.source.get(missing)} if missing else answer.found
        return {path: secret_in(name, found.get(name)) for path, name in names.items()}


def open_release(source: Source, stored: Stored) -> release.Release:
    """Return what a release parameter says, verified, fetching its parts if it has any.

    Raises:
        ReleaseError: it is not what was released, or of a newer format.
        ModelConfigError: what `source` raises.
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
            f"Other releases of it: `model-config releases {model} --environment {environment}`"
        ) from None


def secret_in(name: str, stored: Stored | None) -> Secret:
    """Return the secret that a parameter holds.

    Args:
        name: the parameter's name.
        stored: the parameter, or None where there is none.

    Raises:
        SecretUnavailableError: there is none, or no deploy of ours wrote it.
    """
    if stored is None:
        raise SecretUnavailableError(
            f"the release names the secret {name}, and there is no such parameter. Deploy the "
            "model again, or read a release that doesn't name it"
        )
    secret = _decoded(stored)
    if secret is None:
        raise SecretUnavailableError(
            f"the secret {name} was not stored by a deploy: it begins with a quotation mark and is "
            "not a JSON string. Set it with `pulumi config set --secret` and deploy"
        )
    return secret


def _decoded(stored: Stored) -> Secret | None:
    # Nothing is raised here: a frame or an error of the decoder would hold the text.
    with suppress(CodecError):
        return secret_of(str(decode(stored.text, "text")))
    return None
