"""The release document: one model's whole configuration as one self-contained text.

`docs/release-format.md` describes it for readers in other languages.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, NoReturn, TypeAlias

from model_config.format import codec
from model_config.format.codec import MAX_PARTS, PART_BYTES, Value, size_in_bytes, to_json
from model_config.format.errors import CodecError, ReleaseError
from model_config.format.names import SEGMENT, release_part, secret_name

FORMAT = 2
#: The most bytes of an unpacked release. Set by this package against decompression bombs, at over
#: 15 times the size of all parts.
MAX_UNPACKED_BYTES = 4 * 1024 * 1024
#: The context (pydantic's `ValidationInfo.context`) in which a released configuration is validated.
#: A check that is newer than the release finds it there, and accepts the value.
RELEASED = {"released": True}

Config = dict[str, Value]
#: Returns the texts of the named parts, by name.
FetchParts: TypeAlias = Callable[[Sequence[str]], Mapping[str, str]]

_SECRET = re.compile(rf"{SEGMENT.pattern}(/{SEGMENT.pattern})*")
# What a release says besides its configuration: lists of paths.
_PATHS = ("secrets", "templates", "none")


class _Content(NamedTuple):
    model: str
    environment: str
    schema: str
    digest: str  #: "sha256:" and 64 hex digits, of `text` in UTF-8.
    text: str  #: The configuration as compact JSON: exactly the values that have a parameter.
    secrets: tuple[str, ...] = ()  #: Below `{model}/secrets/`.
    templates: tuple[str, ...] = ()  #: Of prompt templates; `*` is any position of a list.
    none: tuple[str, ...] = ()  #: Of fields that are None: they have no parameter.


class Release(_Content):
    """The content of a release. The last three are paths in its configuration."""

    @classmethod
    def of(
        cls,
        model: str,
        environment: str,
        schema: str,
        config: Mapping[str, Value],
        **paths: Iterable[str],
    ) -> Release:
        """Return the release of a configuration, or raise ReleaseError as `config_text` does."""
        text = config_text(config)
        named = {key: tuple(given) for key, given in paths.items()}
        return cls(model, environment, schema, digest_of(text), text, **named)

    @cached_property
    def config(self) -> Config:
        """The configuration as nested plain values, in the order of `text`; parsed once."""
        return _object(self.text, "the configuration")

    def secret_names(self, model: str) -> dict[str, str]:
        """Return the full names of the secrets' parameters by path, given the model's path."""
        return {path: secret_name(model, path) for path in self.secrets}


class ReleaseText(NamedTuple):
    """A release ready to be stored: the document, and the texts of its parts by their hashes."""

    document: str
    parts: dict[str, str]

    def named_parts(self, model: str) -> dict[str, str]:
        """Return the texts of the parts by their full names, given the model's path."""
        return {release_part(model, part): text for part, text in self.parts.items()}


def config_text(config: Mapping[str, Value]) -> str:
    """Return a configuration's text, which the digest is over, or raise ReleaseError."""
    try:
        codec.check_storable(dict(config))
    except (CodecError, RecursionError) as error:
        raise ReleaseError(f"the configuration can't be written: {error}") from None
    return json.dumps(config, ensure_ascii=False, separators=(",", ":"))


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def whole_document(release: Release) -> dict[str, Any]:
    """Return a release's document in the form that has everything in it, whatever its size."""
    named = {key: getattr(release, key) for key in ("model", "environment", "schema", "digest")}
    paths = {key: getattr(release, key) for key in _PATHS}
    return {"format": FORMAT, **named, "config": release.text, **paths}


def write_release(release: Release) -> ReleaseText:
    """Return a release's text in the simplest form that fits, or raise ReleaseError."""
    whole = whole_document(release)
    plain = to_json(whole)
    if size_in_bytes(plain) <= PART_BYTES:
        return ReleaseText(plain, {})

    del whole["config"]
    data = _pack(release.text)
    packed = to_json({**whole, "zlib": data})
    if size_in_bytes(packed) <= PART_BYTES:
        return ReleaseText(packed, {})

    text = _in_parts(whole, data)
    if size_in_bytes(text.document) > PART_BYTES:  # secrets, templates and none take the room
        data = _pack(to_json({"config": release.text, **{key: whole.pop(key) for key in _PATHS}}))
        text = _in_parts(whole, data)
    if len(text.parts) > MAX_PARTS or size_in_bytes(text.document) > PART_BYTES:
        sizes = f"{size_in_bytes(plain):,} bytes, compressed to {len(data):,}"
        raise ReleaseError(f"{sizes} in {len(text.parts)} parts")
    return text


def read_release(document: str, model: str, fetch_parts: FetchParts) -> Release:
    """Verify a release document and return its content, or raise ReleaseError.

    `model` is the path of the model whose release it must be, "/ai/prod/support_chat".
    `fetch_parts` is called with full names, each once, and only if the release has parts.
    """
    head = _object(document, "the release document")
    environment, name = model.split("/")[-2:]
    _check_head(head, name, environment)
    text = head.get("config")
    if text is None:
        text = _unpack(head["zlib"] if "zlib" in head else _join(document, model, fetch_parts))
        if "secrets" not in head:
            head |= _object(text, "the compressed release")
            text = head.get("config")
    if not isinstance(text, str):
        raise ReleaseError("`config` of the release document is not a text")
    if "secrets" not in head:
        raise ReleaseError("the release document has no `secrets`")
    for key in _PATHS:
        paths = head.setdefault(key, [])
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise ReleaseError(f"`{key}` of the release document is not a list of paths")
    if wrong := [secret for secret in head["secrets"] if not _SECRET.fullmatch(secret)]:
        raise ReleaseError(f"the release names the secret {wrong[0]!r}, which is no path")
    try:
        actual = digest_of(text)
    except UnicodeEncodeError as error:
        raise ReleaseError(
            f"the configuration has half of a surrogate pair at character {error.start}, which "
            "UTF-8 can't hold"
        ) from None
    if actual != head["digest"]:
        raise ReleaseError(
            f"the configuration was changed after its release: its digest is {actual}, and the "
            f"release has {head['digest']}"
        )
    named = {key: tuple(head[key]) for key in _PATHS}
    release = Release(name, environment, head["schema"], actual, text, **named)
    _ = release.config  # refuses a text that is no JSON object
    return release


def part_hashes(document: str) -> list[str]:
    """Return the hashes that name a document's parts, or raise ReleaseError."""
    hashes: list[str] = _object(document, "the release document").get("parts", [])
    if not isinstance(hashes, list) or not all(
        isinstance(part, str) and re.fullmatch("[0-9a-f]{16}", part) for part in hashes
    ):
        raise ReleaseError("`parts` of the release document is not a list of 16 hex digits each")
    if len(hashes) > MAX_PARTS:
        raise ReleaseError(f"the release has {len(hashes)} parts; the limit is {MAX_PARTS}")
    return hashes


def _check_head(head: Mapping[str, Any], model: str, environment: str) -> None:
    if type(head.get("format")) is not int or head["format"] != FORMAT:
        raise ReleaseError(
            f"the release has format {head.get('format')!r}, and this reads {FORMAT}: use the same "
            "version of model-config in the application as in the deploy"
        )
    for key, expected in (("model", model), ("environment", environment)):
        if head.get(key) != expected:
            raise ReleaseError(f"the release is for {key} {head.get(key)!r}, not {expected!r}")
    for key in ("schema", "digest"):
        if not isinstance(head.get(key), str):
            raise ReleaseError(f"the release document has no {key!r}")


def _pack(text: str) -> str:
    raw = text.encode()
    if len(raw) > MAX_UNPACKED_BYTES:
        raise ReleaseError(f"{len(raw):,} bytes; a reader unpacks at most {MAX_UNPACKED_BYTES:,}")
    return binascii.b2a_base64(zlib.compress(raw, 9), newline=False).decode()


def _unpack(data: object) -> str:
    if not isinstance(data, str):
        raise ReleaseError("`zlib` of the release document is not a text")
    unpacker = zlib.decompressobj()
    try:
        packed = binascii.a2b_base64(data.encode(), strict_mode=True)
        raw = unpacker.decompress(packed, MAX_UNPACKED_BYTES)
        if unpacker.eof:
            return raw.decode()
    except (binascii.Error, zlib.error, UnicodeError) as error:
        raise ReleaseError(f"the compressed release can't be unpacked: {error}") from None
    raise ReleaseError(
        f"the compressed release is cut short or larger than {MAX_UNPACKED_BYTES:,} bytes"
    )


def _in_parts(around: Mapping[str, Any], data: str) -> ReleaseText:
    parts = [(_part_hash(part), part) for part in codec.split(data)]
    document = to_json({**around, "parts": [name for name, _ in parts]})
    return ReleaseText(document, dict(parts))


def _join(document: str, model: str, fetch_parts: FetchParts) -> str:
    hashes = part_hashes(document)
    if not hashes:
        raise ReleaseError("the release document has none of `config`, `zlib` and `parts`")
    names = {part: release_part(model, part) for part in hashes}
    texts = fetch_parts(list(names.values()))
    for part, name in names.items():
        if name not in texts:
            raise ReleaseError(f"the release's part {name} is missing")
        if _part_hash(texts[name]) != part:
            raise ReleaseError(f"the release's part {name} was changed: its name is a hash of it")
    return "".join(texts[names[part]] for part in hashes)


def _object(text: str, what: str) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)  # NaN and infinity, which Python reads and JSON doesn't have

    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise ReleaseError(f"{what} is not valid JSON") from None
    if not isinstance(value, dict):
        raise ReleaseError(f"{what} is not a JSON object")
    return value


def _part_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
