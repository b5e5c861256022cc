"""The release document: one model's whole configuration as one self-contained text.

`docs/release-format.md` describes it for readers in other languages. Writing and reading are side
by side here, in plain Python, because deploys and readers must never disagree.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import rfc8785

from model_config.format.codec import Value, size_in_bytes, split, to_json
from model_config.format.errors import ReleaseError
from model_config.format.names import PREFIX, release_name, release_parts, secret_name

FORMAT = 1
#: Bytes that one Advanced parameter holds (SSM API reference, PutParameter, Tier).
RELEASE_BYTES = 8192
#: The most parts of one release. Set by this package: a reader fetches them in two requests.
MAX_RELEASE_PARTS = 16
#: The most bytes of an unpacked document. Set by this package against decompression bombs, at over
#: 60 times the size of all parts.
MAX_UNPACKED_BYTES = 4 * 1024 * 1024
_ENCODING = "zlib+base64"

Config = dict[str, Value]
#: Returns the texts of the named parts.
FetchParts: TypeAlias = Callable[[Sequence[str]], Mapping[str, str]]

#: The context (pydantic's `ValidationInfo.context`) in which a released configuration is validated.
#: A check that is newer than the release finds it there, and accepts the value.
RELEASED = {"released": True}


@dataclass(frozen=True, slots=True)
class Release:
    """The content of a release: the configuration, and the names of its secrets' parameters.

    Attributes:
        config: nested plain values, exactly those that have a parameter.
        secrets: the parameters' full names, by the secrets' paths under `secrets/`.
        digest: "sha256:" and 64 hex digits, computed from `config` in RFC 8785 form.
    """

    model: str
    environment: str
    schema: str
    digest: str
    config: Config
    secrets: dict[str, str]


class ReleaseText(NamedTuple):
    """A release ready to be stored: the document, and the texts of the parts it names, by name."""

    document: str
    parts: dict[str, str]


def digest_of(config: Mapping[str, Value]) -> str:
    """Return the digest of a configuration. Any language can compute it, without AWS.

    Raises:
        ReleaseError: RFC 8785 has no form for one of the values.
    """
    try:
        canonical = rfc8785.dumps(dict(config))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise ReleaseError(f"the configuration has no canonical form: {error}") from None
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def write_release(release: Release, name: str) -> ReleaseText:
    """Return the text of a release, in the simplest of the three forms that fits.

    Args:
        release: what to write.
        name: the release parameter's full name; its parts are named below it.

    Raises:
        ReleaseError: the release is too large for all three.
    """
    head = {
        "format": FORMAT,
        "model": release.model,
        "environment": release.environment,
        "schema": release.schema,
        "digest": release.digest,
    }
    body = {"config": release.config, "secrets": release.secrets}
    plain = to_json({**head, **body})
    if size_in_bytes(plain) <= RELEASE_BYTES:
        return ReleaseText(plain, {})

    raw = to_json(body).encode()
    if len(raw) > MAX_UNPACKED_BYTES:
        raise ReleaseError(f"{len(raw):,} bytes; a reader unpacks at most {MAX_UNPACKED_BYTES:,}")
    data = base64.b64encode(zlib.compress(raw, 9)).decode()
    packed = to_json({**head, "encoding": _ENCODING, "data": data})
    if size_in_bytes(packed) <= RELEASE_BYTES:
        return ReleaseText(packed, {})

    texts = split(data)
    names = [f"{release_parts(name)}/{_short_hash(text)}" for text in texts]
    document = to_json({**head, "encoding": _ENCODING, "parts": names})
    if len(texts) > MAX_RELEASE_PARTS or size_in_bytes(document) > RELEASE_BYTES:
        raise ReleaseError(
            f"{size_in_bytes(plain):,} bytes, compressed to {len(data):,} in {len(texts)} parts"
        )
    return ReleaseText(document, dict(zip(names, texts, strict=True)))


def read_release(document: str, model: str, fetch_parts: FetchParts) -> Release:
    """Verify a release document and return its content.

    Args:
        document: the release parameter's value.
        model: the path of the model whose release it must be, "/ai/prod/support_chat".
        fetch_parts: is called only if the release has parts, with each name once.

    Raises:
        ReleaseError: the document is not JSON, has a newer format, belongs to another model or
            environment, has a missing or changed part, names a part or secret outside of the
            model's path, or its configuration doesn't match its digest.
    """
    head = _object(document, "the release document")
    environment, name = model.split("/")[-2:]
    _check_head(head, name, environment)
    body = head if "config" in head else _unpack(head, model, fetch_parts)
    config, secrets = body.get("config"), body.get("secrets")
    if not isinstance(config, dict) or not isinstance(secrets, dict):
        raise ReleaseError("the release document has no `config` or no `secrets` object")
    _check_own(secrets.values(), secret_name(model, ""), "secret")
    actual = digest_of(config)
    if actual != head["digest"]:
        raise ReleaseError(
            f"the configuration was changed after its release: its digest is {actual}, and the "
            f"release has {head['digest']}"
        )
    return Release(name, environment, head["schema"], actual, config, secrets)


def part_names(document: str) -> list[str]:
    """Return the names of a document's parts. Most documents have none.

    Raises:
        ReleaseError: the document is not a JSON object, or `parts` is not a list of names.
    """
    return _part_names(_object(document, "the release document"))


def _part_names(head: Mapping[str, Any]) -> list[str]:
    names = head.get("parts", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ReleaseError("`parts` of the release document is not a list of names")
    if len(names) > MAX_RELEASE_PARTS:
        raise ReleaseError(f"the release has {len(names)} parts; the limit is {MAX_RELEASE_PARTS}")
    return names


def _check_head(head: Mapping[str, Any], model: str, environment: str) -> None:
    if head.get("format") != FORMAT:
        raise ReleaseError(
            f"the release has format {head.get('format')!r}, and this reader supports {FORMAT}: "
            "update the model-config package in the application"
        )
    for key, expected in (("model", model), ("environment", environment)):
        if head.get(key) != expected:
            raise ReleaseError(f"the release is for {key} {head.get(key)!r}, not {expected!r}")
    for key in ("schema", "digest"):
        if not isinstance(head.get(key), str):
            raise ReleaseError(f"the release document has no {key!r}")


def _check_own(names: Iterable[Any], path: str, what: str) -> None:
    """Refuse names that would make a reader of the release fetch another model's parameters."""
    for name in names:
        if not isinstance(name, str) or not name.startswith(path) or not PREFIX.fullmatch(name):
            raise ReleaseError(f"the release names the {what} {name!r}, which is not in {path}")


def _unpack(head: Mapping[str, Any], model: str, fetch_parts: FetchParts) -> Mapping[str, Any]:
    if head.get("encoding") != _ENCODING:
        raise ReleaseError(f"the release is encoded as {head.get('encoding')!r}, not {_ENCODING!r}")
    data = head["data"] if "data" in head else _join(head, model, fetch_parts)
    if not isinstance(data, str):
        raise ReleaseError("`data` of the release document is not a string")
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(
            base64.b64decode(data.encode(), validate=True), MAX_UNPACKED_BYTES
        )
        if not unpacker.eof:
            raise ReleaseError(
                f"the compressed release is cut short or larger than {MAX_UNPACKED_BYTES:,} bytes"
            )
        return _object(raw.decode(), "the compressed release")
    except (binascii.Error, zlib.error, UnicodeError) as error:
        raise ReleaseError(f"the compressed release can't be unpacked: {error}") from None


def _join(head: Mapping[str, Any], model: str, fetch_parts: FetchParts) -> str:
    names = _part_names(head)
    _check_own(names, f"{release_parts(release_name(model))}/", "part")
    if not names:
        raise ReleaseError("the release document has none of `config`, `data` and `parts`")
    texts = fetch_parts(list(dict.fromkeys(names)))
    for name in names:
        if name not in texts:
            raise ReleaseError(f"the release's part {name} is missing")
        if not name.endswith(f"/{_short_hash(texts[name])}"):
            raise ReleaseError(f"the release's part {name} was changed: its name is a hash of it")
    return "".join(texts[name] for name in names)


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ReleaseError(f"{what} is not valid JSON") from None
    if not isinstance(value, dict):
        raise ReleaseError(f"{what} is not a JSON object")
    return value


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
