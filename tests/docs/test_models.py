"""docs/models.md is followed: its modules are a project's, and its applications read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from model_config.plan.project import Project
from model_config.testing import FakeReader
from model_config.testing.program import findings

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
FILES = re.findall(r"`(models/\w+\.\w+)`[^`]*:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
OVERRIDES = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_can_be_followed_from_top_to_bottom(project: Path) -> None:
    for name, text in FILES:
        (project / name).write_text(text)
    assert OVERRIDES
    (project / "Pulumi.dev.yaml").write_text(OVERRIDES[1] + "  aws:region: eu-west-1\n")
    assert findings(Project(project)) == []

    seen: dict[str, Any] = {"reader": FakeReader.from_project(project, "dev")}
    modules = [text for _, text in FILES]
    applications = [block for block in BLOCKS if block not in modules]
    for block in applications:
        exec(compile(block, "docs/models.md", "exec"), seen)  # noqa: S102 - it is our own page
    assert len(modules) > 6
    assert len(applications) == 3
    reader = seen["reader"]
    assert reader.get("house_chat")["api_version"] == "2024-10-21"
    assert reader.get("house_chat").secrets["secret_headers/X-Gateway-Key"]
    assert reader.get("ticket_router")["rules"][0]["queue"] == "billing"
