"""examples/evidence: a script and promptfoo evaluate a release, which may then be promoted."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.project import CHECKOUT

from model_config.cli.app import main
from model_config.plan.evidence import Evidence

DOCUMENT = CHECKOUT / "docs" / "evidence.md"
EXAMPLE = CHECKOUT / "examples" / "evidence"


@pytest.mark.usefixtures("first_deploy")
def test_the_script_gets_a_release_and_its_report_lets_it_be_promoted(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def verb(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["model-config", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.out

    release = ("support_chat", "--release", "1")
    command = [sys.executable, "-m", "model_config", "exec", *release]
    evaluated = subprocess.run(
        [*command, "--", sys.executable, EXAMPLE / "evaluate.py"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(project), "MODEL_CONFIG_LOCAL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    (project / "report.json").write_text(evaluated.stdout)
    monkeypatch.setenv("MODEL_CONFIG_LOCAL", "1")
    monkeypatch.chdir(project)
    recorded = verb("evidence", "record", *release, "--from", "json", "report.json")
    assert "support_chat: 1 test passed\n" in recorded, evaluated.stderr
    promoted = verb("promote", *release, "--require", "evidence")
    assert "stable moved from no release to release 1" in promoted


def test_promptfoo_takes_what_exec_sets_and_its_report_has_the_tests_of_the_configuration():
    configuration = yaml.safe_load((EXAMPLE / "promptfooconfig.yaml").read_text())
    report = json.loads((EXAMPLE / "results.json").read_text())
    assert report["results"]["version"] == 3
    assert report["config"]["tests"] == configuration["tests"]
    assert "{{env.PROMPTS_SYSTEM}}" in configuration["prompts"][0]


def test_the_documented_file_is_evidence():
    (shown,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    evidence = Evidence.model_validate_json(shown.replace("sha256:…", f"sha256:{0:064}"))
    assert not list(evidence.problems(evidence.digest, None))
