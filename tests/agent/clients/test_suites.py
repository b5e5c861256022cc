"""Suites that others wrote: schemathesis over OpenAPI documents, and OpenFeature's own feature.

OpenFeature's files are not ours: set OFREP_OPENAPI to open-feature/protocol's service/openapi.yaml,
and OPENFEATURE_SPEC to a checkout of open-feature/spec.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.agent import TOKEN
from support.project import CHECKOUT

from model_config.testing import FakeReader

HERE = Path(__file__).parent
PROGRAMS = HERE / ".venv" / "bin"

pytestmark = pytest.mark.skipif(not PROGRAMS.exists(), reason="needs `make test-agent`")

# In OFREP's own document, every value fits the form without a value too, so `oneOf` refuses each;
# an empty targeting key is valid, which can be no unit; a second kind of token is checked, beside
# which the valid one of this run is still sent; and it has parameters of streams, which we ignore.
EXEMPT = "response_schema_conformance,positive_data_acceptance,ignored_auth,negative_data_rejection"


def named(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])


def run(*command: str | Path, folder: Path, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def schemathesis(document: Path, address: str, folder: Path, exempt: str) -> None:
    options = ["--url", address, "--max-examples", "50", "--seed", "1", "--exclude-checks", exempt]
    token = ["--header", f"Authorization: Bearer {TOKEN}"]
    said = run(PROGRAMS / "st", "run", document, *options, *token, folder=folder)
    assert int(re.search(r"(\d+) generated", said)[1]) > 50


def test_the_agent_is_as_its_own_document_says(serve, tmp_path):
    document = CHECKOUT / "docs" / "agent.openapi.json"
    schemathesis(document, serve(), tmp_path, "positive_data_acceptance")  # names that are nothing


def test_the_agent_is_as_the_protocols_document_says(serve, tmp_path):
    schemathesis(named("OFREP_OPENAPI"), serve(), tmp_path, EXEMPT)


def test_openfeatures_own_scenarios_of_values(serve, tmp_path):
    source = named("OPENFEATURE_SPEC") / "specification" / "assets" / "gherkin"
    flags = json.loads((source / "test-flags.json").read_text())
    values = {
        key: flag["variants"][flag["defaultVariant"]]
        for key, flag in flags.items()
        if flag.get("defaultVariant")
    }
    (tmp_path / "steps").mkdir()
    shutil.copy(HERE / "values.py", tmp_path / "steps")
    shutil.copy(source / "evaluation_v2.feature", tmp_path)
    wanted = "Resolve values|Resolves zero value --|Flag not found error|Type mismatch error"
    settings = {"AGENT_URL": serve(reader=FakeReader({"flags": values})), "AGENT_TOKEN": TOKEN}
    command = [PROGRAMS / "behave", "--name", wanted, "--no-skipped"]
    said = run(*command, tmp_path, folder=tmp_path, code=1, **settings)
    assert "19 scenarios passed, 1 failed" in said
    # Python's client takes a bool for an integer, whatever the server says.
    failing = said.partition("Failing scenarios:")[2].split("\n\n")[0]
    assert failing.split("  ")[-1] == "Type mismatch error -- @3.1 Number evaluations"
