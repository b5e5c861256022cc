"""Every model is valid in every environment, and every stack deploys."""

from pathlib import Path

import pulumi
import pytest

from model_config.plan.project import Project
from model_config.plan.registry import read_modules
from model_config.plan.stack_file import read_stack_file
from model_config.testing.program import deploy_under_mocks, findings, run_program, with_stand_ins

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


class Mocks(pulumi.runtime.Mocks):
    """Those of Pulumi's testing guide, for tests of what you add to the program."""

    def new_resource(self, args):
        return f"{args.name}_id", args.inputs

    def call(self, _args):
        return {}


def test_the_program_runs_under_pulumis_own_mocks():
    config = read_stack_file(PROJECT, PROJECT.require_stacks()[0])
    outputs = run_program(PROJECT.root, with_stand_ins(config, read_modules(PROJECT)), Mocks())
    assert outputs["models"]
