"""docs/conformance: what a reader in any language reads, refuses and serves; ours does."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from typing import Any

import pytest
from support.documents import Documents
from support.project import CHECKOUT

from model_config import Reader
from model_config.format.errors import ReleaseError
from model_config.format.release import read_release
from model_config.format.rollout import bucket


def content(name: str) -> Any:
    return json.loads((CHECKOUT / "docs" / "conformance" / f"{name}.json").read_text())


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


def read(case: dict[str, Any]) -> Any:
    return read_release(
        case["document"], case["parameter"].removesuffix("/release"), lambda _: case["parts"]
    )


@pytest.mark.parametrize("case", named(content("releases")))
def test_a_release_is_read_exactly(case):
    assert case["digest"] == f"sha256:{hashlib.sha256(case['config'].encode()).hexdigest()}"
    release = read(case)
    assert (release.text, release.digest) == (case["config"], case["digest"])
    assert [*release.secrets] == case["secrets"]
    assert [*release.templates] == case["templates"]
    assert [*release.none] == case["none"]


@pytest.mark.parametrize("case", named(content("refusals")))
def test_a_document_that_is_no_release_is_refused(case):
    with pytest.raises(ReleaseError):
        read(case)


def test_a_unit_has_its_bucket():
    for salt, unit, number in content("rollouts")["buckets"]:
        assert bucket(salt, unit) == number


@pytest.mark.parametrize("case", named(content("rollouts")["rollouts"]))
def test_a_unit_is_served_its_release(case, clock):
    source = Documents()
    for number in range(1, 9):
        source.deploy({"n": number}, promote=False)
    source.put("/ai/prod/chat/rollout", case["document"])
    for read in case["reads"]:
        clock.day = datetime.fromisoformat(read["at"]).timestamp() - clock.now
        source.labels[f"/ai/prod/chat/release:{read['label']}"] = read["on"]
        reader = Reader("prod", source=source, clock=clock, max_wait=math.inf)
        served = reader.get("chat", label=read["label"], key=read["unit"])
        assert served.release == served["n"] == read["release"], read
