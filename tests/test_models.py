"""Every model is valid in every environment, and every stack deploys."""

from pathlib import Path

import pytest

from model_config.plan.project import Project
from model_config.testing.program import deploy_under_mocks, findings

PROJECT = Project.find(Path(__file__).parent)


def test_every_model_is_valid_in_every_environment():
    problems = "\n".join(findings(PROJECT))
    assert not problems, problems


@pytest.mark.parametrize("stack", PROJECT.require_stacks())
def test_every_model_of_a_stack_gets_a_release(stack):
    deployed = deploy_under_mocks(PROJECT, stack)  # without AWS; secrets get a placeholder text
    releases = [model["release"]["name"] for model in deployed.outputs["models"].values()]
    assert releases
    assert set(releases) <= deployed.recorder.parameters().keys()
