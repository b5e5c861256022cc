"""A deploy that AWS stops half-way: what is in force meanwhile, and how the next one mends it."""

import gc
from pathlib import Path
from typing import Any

import pulumi
import pytest

from model_config import Reader
from model_config.format.errors import LocalError
from model_config.local.deploy import with_secrets
from model_config.local.local_aws import client, local_aws
from model_config.local.provider import LocalProvider
from model_config.local.state import Resource
from model_config.plan.project import Project, StackConfig
from model_config.plan.stack_file import read_stack_file
from model_config.testing.program import run_program

REGION = "eu-west-1"
NAME = "/ai/dev/support_chat/generation/top_p"


def run(project: Path, before: dict[str, Resource], provider: type[LocalProvider]) -> LocalProvider:
    config, *_ = with_secrets(read_stack_file(Project(project), "dev"), Project(project))
    assert isinstance(config, StackConfig)
    made = provider(REGION, before)
    run_program(project, config, made)
    return made


class RefusesOne(LocalProvider):
    """Fails on one parameter, after the others that come before it were written."""

    def _put_parameter(
        self, resource: Resource, old: Resource | None
    ) -> tuple[str, dict[str, Any]]:
        if resource.inputs["name"] == NAME:
            raise LocalError("throttled")
        return super()._put_parameter(resource, old)


def test_the_previous_release_stays_in_force_and_the_next_deploy_mends_it(project, caplog):
    with local_aws():
        ssm = client("ssm", REGION)
        reader = Reader("dev", label="latest", ttl=0, client=ssm)
        first = run(project, {}, LocalProvider).registered
        module = project / "models" / "support_chat.py"
        text = module.read_text().replace("top_p=0.95", "top_p=0.5")
        module.write_text(text.replace('provider: str = "openai"', 'provider: str = "other"'))

        with caplog.at_level("INFO", "asyncio"):
            with pytest.raises((LocalError, pulumi.RunError)):
                run(project, first, RefusesOne)
            gc.collect()  # the futures of the registrations that were refused
        assert [record for record in caplog.records if record.name == "asyncio"] == []
        chat = reader.get("support_chat")
        assert chat.release == 1
        assert chat["generation"]["top_p"] == 0.95
        assert chat["provider"] == "openai"

        run(project, first, LocalProvider)
        chat = reader.get("support_chat")
        assert chat.release == 2
        assert (chat["generation"]["top_p"], chat["provider"]) == (0.5, "other")
        assert ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"] == "0.5"
