"""A release's text holds a configuration whole, and is read verified or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import zlib
from typing import Any

import pytest

from model_config.format.codec import Value
from model_config.format.errors import ReleaseError
from model_config.format.release import (
    Config,
    Release,
    ReleaseText,
    config_text,
    digest_of,
    part_hashes,
    read_release,
    write_release,
)

MODEL = "/ai/dev/chat"
LIMIT = 4096  # bytes in a Standard parameter: SSM API reference, PutParameter, Tier


def noise(characters: int) -> str:
    """Return a text that zlib can hardly make shorter."""
    return base64.b64encode(random.Random(7).randbytes(characters)).decode()[:characters]  # noqa: S311


def release_of(config: Config, schema: str = "ChatModel", **names: Any) -> Release:
    return Release.of("chat", "dev", schema, config, **{"secrets": ["api_key"], **names})


SMALL = release_of(
    {"model_id": "m", "prompts": {"system": "Hi {{name}}"}, "generation": {"temperature": 0.2}},
    templates=["prompts/system"],
    none=["generation/seed"],
)
PACKED = release_of({"text": "word " * 4_000})
SPREAD = release_of({"text": noise(20_000)})
MANY_SECRETS = release_of({"text": noise(20_000)}, secrets=[f"key{n:040}" for n in range(90)])


def read_back(text: ReleaseText, document: str | None = None) -> Release:
    parts = text.named_parts(MODEL)
    return read_release(
        text.document if document is None else document,
        MODEL,
        lambda names: {name: parts[name] for name in names if name in parts},
    )


# The three forms


def test_a_small_release_is_one_plain_document() -> None:
    text = write_release(SMALL)
    assert json.loads(text.document) == {
        "format": 2,
        "model": "chat",
        "environment": "dev",
        "schema": "ChatModel",
        "digest": SMALL.digest,
        "config": '{"model_id":"m","prompts":{"system":"Hi {{name}}"},'
        '"generation":{"temperature":0.2}}',
        "secrets": ["api_key"],
        "templates": ["prompts/system"],
        "none": ["generation/seed"],
    }
    assert text.parts == {}


def test_a_document_holds_nothing_that_ssm_refuses_and_its_digest_is_over_the_text_itself() -> None:
    for text in ("{{x}}", "{{{", "\x7f\x85\x00", '"{{"'):
        release = release_of({"t": text})
        document = write_release(release).document
        assert "{{" not in document
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", document)
        assert json.loads(json.loads(document)["config"]) == {"t": text}
        assert release.text == json.dumps({"t": text}, ensure_ascii=False, separators=(",", ":"))


def test_a_larger_one_is_compressed_and_any_language_can_unpack_it() -> None:
    text = write_release(PACKED)
    head = json.loads(text.document)
    assert zlib.decompress(base64.b64decode(head.pop("zlib"))).decode() == PACKED.text
    assert head["secrets"] == ["api_key"]
    assert "config" not in head
    assert text.parts == {}


def test_the_largest_are_spread_over_parts_whose_names_tell_their_content() -> None:
    text = write_release(SPREAD)
    head = json.loads(text.document)
    assert len(head["parts"]) > 1
    assert head["parts"] == list(text.parts) == part_hashes(text.document)
    for name, part in text.parts.items():
        assert name == hashlib.sha256(part.encode()).hexdigest()[:16]
        assert 1 <= len(part.encode()) <= LIMIT
    data = "".join(text.parts[name] for name in head["parts"])
    assert zlib.decompress(base64.b64decode(data)).decode() == SPREAD.text
    # Names that take the room of the parts move into the compressed text.
    text = write_release(MANY_SECRETS)
    about = {"format", "model", "environment", "schema", "digest"}
    assert set(json.loads(text.document)) == {*about, "parts"}
    assert read_back(text) == MANY_SECRETS


@pytest.mark.parametrize(
    ("text", "within", "beyond"),
    [("word " * 500, "config", "zlib"), (noise(2_500) + "word " * 500, "zlib", "parts")],
    ids=["plain to compressed", "compressed to parts"],
)
def test_a_form_is_left_only_where_it_takes_more_than_4096_bytes(
    text: str, within: str, beyond: str
) -> None:
    fill = LIMIT - len(write_release(release_of({"text": text}, schema="")).document)
    full = write_release(release_of({"text": text}, schema="S" * fill)).document
    assert (len(full), within in json.loads(full)) == (LIMIT, True)
    over = write_release(release_of({"text": text}, schema="S" * (fill + 1))).document
    assert (len(over) <= LIMIT, beyond in json.loads(over)) == (True, True)


def test_64_parts_are_written_and_65_are_refused_with_the_size() -> None:
    assert len(write_release(release_of({"text": noise(258_000)})).parts) == 64
    with pytest.raises(
        ReleaseError, match=r"260,\d{3} bytes, compressed to 26\d,\d{3} in 65 parts"
    ):
        write_release(release_of({"text": noise(260_000)}))


def test_what_unpacks_to_four_mib_is_read_and_a_byte_more_is_never_written() -> None:
    text = "x" * (4 * 1024 * 1024 - len('{"t":""}'))
    largest = release_of({"t": text})
    assert read_back(write_release(largest)) == largest
    with pytest.raises(ReleaseError, match="4,194,305 bytes; a reader unpacks at most 4,194,304"):
        write_release(release_of({"t": text + "x"}))


# Round trips


def test_a_release_comes_back_as_it_was_written() -> None:
    odd = [
        None,
        True,
        2**53 - 1,
        -(2**53) + 1,
        -0.0,
        1e16,
        5e-324,
        "",
        '"{{é😀\x00\u2028',
        {},
        [[]],
    ]
    names = ["key", "a-b_c.d", "group/key"]
    for config in ({}, {"": odd, "b": {"{{": odd, "a": {"7": [{"c": odd}]}}}):
        for filling in ("", "word " * 4_000, noise(9_000)):
            given = {**config, "filling": filling}
            for listed in ([], names):
                release = release_of(given, secrets=listed, templates=listed, none=listed)
                read = read_back(write_release(release))
                assert read == release
                assert config_text(read.config) == release.text


def test_the_order_of_keys_and_the_form_of_a_number_make_another_release() -> None:
    texts = [{"a": 2, "b": 1}, {"b": 1, "a": 2}, {"a": 2.0, "b": 1}]
    assert len({release_of(config).digest for config in texts}) == len(texts)
    assert [list(read_back(write_release(release_of(c))).config) for c in texts[:2]] == [
        ["a", "b"],
        ["b", "a"],
    ]


def test_the_text_is_what_python_writes() -> None:
    config: Config = {
        "a": [1e16, -0.0, 2.0, 2, None, True],
        "é": "€\x0f\u2028",
        "b": {"z": {}, "y": []},
    }
    text = '{"a":[1e+16,-0.0,2.0,2,null,true],"é":"€\\u000f\u2028","b":{"z":{},"y":[]}}'
    assert release_of(config).text == text
    assert release_of(config).digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize(
    "value", [float("nan"), 2**53, "\ud800", {"\ud800": 1}], ids=["nan", "2^53", "text", "key"]
)
def test_what_json_cannot_hold_exactly_is_refused(value: Value) -> None:
    with pytest.raises(ReleaseError, match="the configuration can't be written"):
        release_of({"a": value})


# Bad documents: each field of each form, edited by hand


def with_digest(text: str) -> dict[str, Any]:
    return {"config": text, "digest": digest_of(text)}


def test_a_document_that_is_not_this_models_release_is_refused() -> None:
    cases: list[tuple[str | dict[str, Any], str]] = [
        ("", "is not valid JSON"),
        ('{"format": 2', "is not valid JSON"),
        ("[" * 99_999, "is not valid JSON"),
        ("[1]", "is not a JSON object"),
        ({"format": 1}, "has format 1, and this reads 2"),
        ({"format": 3}, "has format 3"),
        ({"format": None}, "has format None"),
        ({"format": True}, "has format True"),
        ({"format": "2"}, "has format '2'"),
        ({"model": "other"}, "is for model 'other', not 'chat'"),
        ({"environment": "prod"}, "is for environment 'prod', not 'dev'"),
        ({"schema": 5}, "has no 'schema'"),
        ({"digest": None}, "has no 'digest'"),
        ({"digest": "sha256:00"}, "its digest is sha256:[0-9a-f]{64}, and the release has sha256:"),
        ({"config": '{"model_id":"other"}'}, "was changed after its release"),
        ({"config": {"model_id": "m"}}, "`config` of the release document is not a text"),
        ({"config": "\ud800"}, "half of a surrogate pair"),
        (with_digest("[]"), "the configuration is not a JSON object"),
        (with_digest('{"n":NaN}'), "the configuration is not valid JSON"),
        ({"secrets": None}, "`secrets` of the release document is not a list of paths"),
        ({"secrets": [5]}, "`secrets` of the release document is not a list of paths"),
        ({"secrets": ["/ai/dev/other/secrets/k"]}, "names the secret '/ai/dev/other/secrets/k', "),
        ({"secrets": ["k:1"]}, "names the secret 'k:1', which is no path"),
        ({"secrets": ["a//b"]}, "names the secret 'a//b'"),
        ({"secrets": [""]}, "names the secret ''"),
        ({"templates": "prompts"}, "`templates` of the release document is not a list"),
        ({"none": {"a": 1}}, "`none` of the release document is not a list"),
    ]
    good = json.loads(write_release(SMALL).document)
    for document, problem in cases:
        text = document if isinstance(document, str) else json.dumps({**good, **document})
        with pytest.raises(ReleaseError, match=problem):
            read_back(write_release(SMALL), text)
    del good["templates"], good["none"]  # which a release may leave out
    read = read_back(write_release(SMALL), json.dumps(good))
    assert (read.config, read.templates, read.none) == (SMALL.config, (), ())


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


TEXT = SMALL.text.encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "none of `config`, `zlib` and `parts`"),
        ({"zlib": 5}, "`zlib` of the release document is not a text"),
        ({"zlib": "not base64!"}, "can't be unpacked"),
        ({"zlib": "é"}, "can't be unpacked"),
        ({"zlib": packed(TEXT)[:-4]}, "cut short"),
        ({"zlib": packed(TEXT)[:-1]}, "can't be unpacked"),
        ({"zlib": base64.b64encode(TEXT).decode()}, "can't be unpacked"),
        ({"zlib": packed(b" " * (4 * 1024 * 1024) + TEXT)}, "larger than 4,194,304 bytes"),
        ({"zlib": packed(b"\xff")}, "can't be unpacked"),
        ({"zlib": packed(b"{}")}, "was changed after its release"),
        ({"secrets": ..., "zlib": packed(b"[]")}, "the compressed release is not a JSON object"),
        ({"secrets": ..., "zlib": packed(b"{}")}, "`config` of the release document is not a"),
        ({"secrets": ..., "zlib": packed(b'{"config":"{}"}')}, "has no `secrets`"),
        ({"parts": "name"}, "`parts` of the release document is not a list of 16 hex digits"),
        ({"parts": [5]}, "is not a list of 16 hex digits"),
        ({"parts": []}, "none of `config`, `zlib` and `parts`"),
        ({"parts": ["/ai/dev/other/release/parts/0"]}, "is not a list of 16 hex digits"),
        ({"parts": ["0123456789abcde"]}, "is not a list of 16 hex digits"),
        ({"parts": [f"{number:016x}" for number in range(65)]}, "has 65 parts; the limit is 64"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_unpacked_is_refused(body: dict[str, Any], problem: str) -> None:
    head = {**json.loads(write_release(SMALL).document), "config": ..., **body}
    document = json.dumps({key: value for key, value in head.items() if value is not ...})
    with pytest.raises(ReleaseError, match=problem):
        read_back(write_release(SMALL), document)


def test_parts_that_are_missing_changed_or_in_another_order_are_no_release() -> None:
    text = write_release(SPREAD)
    parts = text.named_parts(MODEL)
    first, *_, last = parts
    for spoilt, problem in [
        (dict(list(parts.items())[:-1]), f"part {last} is missing"),
        (dict.fromkeys(parts, "other"), f"part {first} was changed: its name is"),
        ({**parts, last: parts[last][:-1]}, f"part {last} was changed"),
    ]:
        with pytest.raises(ReleaseError, match=re.escape(problem)):
            read_release(text.document, MODEL, lambda _, spoilt=spoilt: spoilt)
    head = json.loads(text.document)
    document = json.dumps({**head, "parts": head["parts"][::-1]})
    with pytest.raises(ReleaseError, match="can't be unpacked"):
        read_back(text, document)
