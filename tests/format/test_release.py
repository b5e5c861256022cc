"""A release's text holds a configuration whole, and is read verified or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_config.format.codec import Value
from model_config.format.errors import ReleaseError
from model_config.format.release import (
    Config,
    Release,
    ReleaseText,
    digest_of,
    part_names,
    read_release,
    write_release,
)

NAME = "/ai/dev/chat/release"
SECRETS = {"api_key": "/ai/dev/chat/secrets/api_key"}
LIMIT = 8192  # bytes in an Advanced parameter: SSM API reference, PutParameter, Tier


def noise(characters: int) -> str:
    """Return a text that zlib can hardly make shorter."""
    return base64.b64encode(random.Random(7).randbytes(characters)).decode()[:characters]  # noqa: S311


def release_of(config: Config, schema: str = "ChatModel") -> Release:
    return Release("chat", "dev", schema, digest_of(config), config, SECRETS)


SMALL = release_of({"model_id": "m", "generation": {"temperature": 0.2, "stop": ["{{end}}"]}})
PACKED = release_of({"text": "word " * 4_000})
SPREAD = release_of({"text": noise(20_000)})


def written(release: Release) -> ReleaseText:
    return write_release(release, NAME)


def read_back(text: ReleaseText, document: str | None = None) -> Release:
    return read_release(
        text.document if document is None else document,
        "/ai/dev/chat",
        lambda names: fetched(text, names),
    )


def fetched(text: ReleaseText, names: Sequence[str]) -> Mapping[str, str]:
    return {name: text.parts[name] for name in names}


# The three forms


def test_a_small_release_is_one_plain_document() -> None:
    text = written(SMALL)
    assert json.loads(text.document) == {
        "format": 1,
        "model": "chat",
        "environment": "dev",
        "schema": "ChatModel",
        "digest": SMALL.digest,
        "config": SMALL.config,
        "secrets": SECRETS,
    }
    assert "{{" not in text.document
    assert text.parts == {}


def test_a_larger_one_is_compressed_and_any_language_can_unpack_it() -> None:
    text = written(PACKED)
    head = json.loads(text.document)
    assert head.pop("encoding") == "zlib+base64"
    assert json.loads(zlib.decompress(base64.b64decode(head.pop("data")))) == {
        "config": PACKED.config,
        "secrets": SECRETS,
    }
    assert sorted(head) == ["digest", "environment", "format", "model", "schema"]
    assert text.parts == {}


def test_the_largest_are_spread_over_parts_whose_names_tell_their_content() -> None:
    text = written(SPREAD)
    head = json.loads(text.document)
    assert len(head["parts"]) > 1
    assert head["parts"] == list(text.parts) == part_names(text.document)
    for name, part in text.parts.items():
        assert name == f"{NAME}/parts/{hashlib.sha256(part.encode()).hexdigest()[:16]}"
        assert 1 <= len(part.encode()) <= 4096
    data = "".join(text.parts[name] for name in head["parts"])
    assert json.loads(zlib.decompress(base64.b64decode(data)))["config"] == SPREAD.config


@pytest.mark.parametrize(
    ("text", "within", "beyond"),
    [("word " * 1_000, "config", "data"), (noise(6_000) + "word " * 1_000, "data", "parts")],
    ids=["plain to compressed", "compressed to parts"],
)
def test_a_form_is_left_only_where_it_takes_more_than_8192_bytes(
    text: str, within: str, beyond: str
) -> None:
    fill = LIMIT - len(written(release_of({"text": text}, schema="")).document)
    full = written(release_of({"text": text}, schema="S" * fill)).document
    assert (len(full), within in json.loads(full)) == (LIMIT, True)
    over = written(release_of({"text": text}, schema="S" * (fill + 1))).document
    assert (len(over) <= LIMIT, beyond in json.loads(over)) == (True, True)


def test_sixteen_parts_are_written_and_seventeen_are_refused_with_the_size() -> None:
    assert len(written(release_of({"text": noise(63_000)})).parts) == 16
    with pytest.raises(ReleaseError, match=r"66,\d{3} bytes, compressed to 6\d,\d{3} in 17 parts"):
        written(release_of({"text": noise(66_000)}))


def test_what_unpacks_to_four_mib_is_read_and_a_byte_more_is_never_written() -> None:
    bytes_around = len(json.dumps({"config": {"t": ""}, "secrets": SECRETS}, separators=(",", ":")))
    text = "x" * (4 * 1024 * 1024 - bytes_around)
    largest = release_of({"t": text})
    assert read_back(written(largest)) == largest
    with pytest.raises(ReleaseError, match="4,194,305 bytes; a reader unpacks at most 4,194,304"):
        written(release_of({"t": text + "x"}))


# Round trips

LEAVES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    LEAVES | FINITE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(st.text(), VALUES, max_size=4),
    st.dictionaries(st.text(), st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True), max_size=3),
    st.sampled_from(["", "word " * 4_000, noise(9_000)]),
)
def test_a_release_comes_back_as_it_was_written(
    config: Config, secrets: dict[str, str], filling: str
) -> None:
    names = {path: f"/ai/dev/chat/secrets/{name}" for path, name in secrets.items()}
    release = replace(release_of({**config, "filling": filling}), secrets=names)
    assert read_back(written(release)) == release


@pytest.mark.parametrize("release", [SMALL, PACKED, SPREAD], ids=["plain", "compressed", "parts"])
def test_the_order_of_keys_changes_nothing(release: Release) -> None:
    first, second = ({**release.config, "z": {"a": 1, "b": 2}}, {"z": {"b": 2, "a": 1}})
    assert written(release_of(first)) == written(release_of({**second, **release.config}))


# The digest


@pytest.mark.parametrize(
    ("config", "canonical"),
    [
        (  # RFC 8785, section 3.2.2: the example, and what 3.2.4 makes of it
            {
                "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": '\u20ac$\u000f\nA\'B"\\\\"/',
                "literals": [None, True, False],
            },
            (
                '{"literals":[null,true,false],'
                '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
                r""""string":"€$\u000f\nA'B\"\\\\\"/"}"""
            ),
        ),
        (  # section 3.2.3: keys in the order of their UTF-16 code units
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\u0080": 6, "\u00f6": 7},
            '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
        ),
        ({"a": 20.0, "b": -0.0, "c": "{{x}}"}, '{"a":20,"b":0,"c":"{{x}}"}'),
    ],
)
def test_the_digest_is_sha_256_over_rfc_8785(config: Config, canonical: str) -> None:
    assert digest_of(config) == f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


@pytest.mark.parametrize(
    "value", [float("nan"), 2**53, "\ud800", {"\ud800": 1}], ids=["nan", "2^53", "text", "key"]
)
def test_what_has_no_canonical_form_has_no_digest(value: Value) -> None:
    with pytest.raises(ReleaseError, match="the configuration has no canonical form"):
        digest_of({"a": value})


# Bad documents


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


BODY = json.dumps({"config": SMALL.config, "secrets": SECRETS}).encode()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "is not valid JSON"),
        ('{"format": 1', "is not valid JSON"),
        ("[" * 99_999, "is not valid JSON"),
        ("[1]", "is not a JSON object"),
        (
            {"format": 2},
            "has format 2, and this reader supports 1: update the model-config package",
        ),
        ({"format": None}, "has format None"),
        ({"model": "other"}, "is for model 'other', not 'chat'"),
        ({"environment": "prod"}, "is for environment 'prod', not 'dev'"),
        ({"schema": 5}, "has no 'schema'"),
        ({"digest": None}, "has no 'digest'"),
        (
            {"digest": "sha256:00"},
            "its digest is sha256:[0-9a-f]{64}, and the release has sha256:00$",
        ),
        ({"config": {"model_id": "other"}}, "was changed after its release"),
        ({"config": []}, "no `config` or no `secrets` object"),
        ({"secrets": None}, "no `config` or no `secrets` object"),
        ({"secrets": {"api_key": 5}}, "names the secret 5, which is not in /ai/dev/chat/sec"),
        ({"secrets": {"k": "/ai/dev/other/secrets/k"}}, "names the secret '/ai/dev/other/secrets/"),
        ({"secrets": {"k": "/ai/dev/chat/release"}}, "names the secret '/ai/dev/chat/release'"),
        ({"secrets": {"k": "/ai/dev/chat/secrets/k:1"}}, "names the secret"),
        ({"secrets": {"k": "/ai/dev/chat/secrets/"}}, "names the secret"),
        ({"config": {"\ud800": 1}}, "no canonical form"),
    ],
)
def test_a_document_that_is_not_this_models_release_is_refused(
    document: str | dict[str, Any], problem: str
) -> None:
    if isinstance(document, dict):
        document = json.dumps({**json.loads(written(SMALL).document), **document})
    with pytest.raises(ReleaseError, match=problem):
        read_back(written(SMALL), document)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "encoded as None"),
        ({"encoding": "gzip", "data": packed(BODY)}, "encoded as 'gzip', not 'zlib.base64'"),
        ({"data": 5}, "`data` of the release document is not a string"),
        ({"data": "not base64!"}, "can't be unpacked"),
        ({"data": packed(BODY)[:-4]}, "cut short"),
        ({"data": packed(BODY)[:-1]}, "can't be unpacked"),
        ({"data": base64.b64encode(BODY).decode()}, "can't be unpacked"),
        ({"data": packed(b" " * (4 * 1024 * 1024) + BODY)}, "larger than 4,194,304 bytes"),
        ({"data": packed(b"\xff")}, "can't be unpacked"),
        ({"data": packed(b"[]")}, "the compressed release is not a JSON object"),
        ({"data": packed(b"{}")}, "no `config`"),
        ({"parts": "name"}, "`parts` of the release document is not a list of names"),
        ({"parts": [5]}, "is not a list of names"),
        ({"parts": []}, "none of `config`, `data` and `parts`"),
        ({"parts": ["/ai/dev/chat/secrets/k"]}, "names the part '/ai/dev/chat/secrets/k', which"),
        ({"parts": ["/ai/dev/other/release/parts/0"]}, "names the part '/ai/dev/other/release/par"),
        ({"parts": [f"{NAME}/parts/{number:016x}" for number in range(17)]}, "has 17 parts; the"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_unpacked_is_refused(body: dict[str, Any], problem: str) -> None:
    head = json.loads(written(SMALL).document)
    head = {key: value for key, value in head.items() if key not in {"config", "secrets"}}
    document = json.dumps({**head, **({"encoding": "zlib+base64"} if body else {}), **body})
    with pytest.raises(ReleaseError, match=problem):
        read_back(written(SMALL), document)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda parts: dict(list(parts.items())[:-1]), "part {last} is missing"),
        (lambda parts: dict.fromkeys(parts, "other"), "part {first} was changed: its name is"),
        (lambda parts: {**parts, max(parts): parts[max(parts)][:-1]}, "part {max} was changed"),
    ],
    ids=["missing", "replaced", "cut"],
)
def test_a_part_that_is_missing_or_changed_is_refused_by_name(
    spoil: Callable[[dict[str, str]], dict[str, str]], problem: str
) -> None:
    text = written(SPREAD)
    first, *_, last = text.parts
    expected = problem.format(first=first, last=last, max=max(text.parts))
    with pytest.raises(ReleaseError, match=re.escape(expected)):
        read_release(text.document, "/ai/dev/chat", lambda _: spoil(text.parts))


def test_parts_in_another_order_are_not_read_as_a_release() -> None:
    text = written(SPREAD)
    head = json.loads(text.document)
    document = json.dumps({**head, "parts": head["parts"][::-1]})
    with pytest.raises(ReleaseError, match="can't be unpacked"):
        read_back(text, document)
