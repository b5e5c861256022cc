"""docs/conformance: what a reader in any language reads, refuses and serves; ours does."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from support.project import CHECKOUT

from model_config.format.errors import ReleaseError
from model_config.format.release import read_release


def cases(name: str) -> list[Any]:
    made = json.loads((CHECKOUT / "docs" / "conformance" / f"{name}.json").read_text())
    return [pytest.param(case, id=case["name"]) for case in made]


def read(case: dict[str, Any]) -> Any:
    return read_release(
        case["document"], case["parameter"].removesuffix("/release"), lambda _: case["parts"]
    )


@pytest.mark.parametrize("case", cases("releases"))
def test_a_release_is_read_exactly(case):
    assert case["digest"] == f"sha256:{hashlib.sha256(case['config'].encode()).hexdigest()}"
    release = read(case)
    assert (release.text, release.digest) == (case["config"], case["digest"])
    assert [*release.secrets] == case["secrets"]
    assert [*release.templates] == case["templates"]
    assert [*release.none] == case["none"]


@pytest.mark.parametrize("case", cases("refusals"))
def test_a_document_that_is_no_release_is_refused(case):
    with pytest.raises(ReleaseError):
        read(case)
