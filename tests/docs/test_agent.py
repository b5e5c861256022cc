"""docs/agent.md says what the agent does."""

import re

from support.project import CHECKOUT
from typer.main import get_command

from model_config.agent import answers, server
from model_config.agent.app import Agent
from model_config.cli.app import app
from model_config.testing import FakeReader

TEXT = (CHECKOUT / "docs" / "agent.md").read_text(encoding="utf-8")


def test_every_option_is_described_with_its_default():
    options = get_command(app).commands["agent"].params
    shared = {"--environment", "--prefix", "--local", "--project", "--help"}
    names = {option.opts[0] for option in options} - shared
    assert names <= set(re.findall(r"--[a-z-]+", TEXT))
    defaults = {option.opts[0]: option.default for option in options}
    assert f"`--socket` | {defaults['--port']} |" in TEXT
    assert f"`--ttl` | {defaults['--ttl']:g} |" in TEXT


def test_every_address_is_described():
    routes = Agent(FakeReader({}), [], serves_secrets=False).routes
    own = {route.path_format for route in routes if not route.path.startswith("/ofrep")}
    assert own == set(re.findall(r"^\| `(?:GET|POST) (\S+)`", TEXT, re.MULTILINE))


def test_the_limits_are_the_codes():
    assert f"at most {answers.BODY_BYTES // 1024} KiB" in TEXT
    assert f"within {server.REQUEST_SECONDS:g} seconds" in TEXT
    assert f"at most {server.CONNECTIONS} connections" in TEXT
