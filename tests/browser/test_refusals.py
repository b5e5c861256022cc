"""Pages say so if AWS is unavailable or refuses, or if the address isn't the printed one."""

from __future__ import annotations

from typing import Any

import pytest

from .history import Played
from .visits import Visit

NO_ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def test_while_aws_is_away_each_page_says_so(played: Played, visit: Any) -> None:
    with played.served(**NO_ACCOUNT, AWS_ENDPOINT_URL="http://127.0.0.1:9") as address:
        there: Visit = visit(address)
        there.begin()
        alert = there.page.get_by_role("alert").first
        alert.wait_for()
        assert "no answer" in alert.inner_text()
        assert "support_chat" in there.says()  # from the project
        assert "unknown" in there.says()
        there.go("/model/dev/support_chat")
        problem = there.page.locator(".problem")
        problem.wait_for()
        assert "no answer" in problem.inner_text()


def test_a_denied_request_names_the_permission(played: Played, visit: Any, loopback: Any) -> None:
    loopback.answers = [loopback.refuses("AccessDeniedException", "not authorized")]
    with played.served(**NO_ACCOUNT, AWS_ENDPOINT_URL=loopback.url) as address:
        there: Visit = visit(address)
        there.begin("/model/dev/support_chat")
        assert "ssm:GetParameterHistory" in there.page.locator(".problem").inner_text()


@pytest.mark.parametrize(
    ("path", "why"), [("/", "has no token"), ("/?token=of-the-last-run", "has an outdated token")]
)
def test_an_address_that_was_not_printed_is_refused_with_what_to_do(
    visit: Any, address: str, path: str, why: str
) -> None:
    there: Visit = visit(address)
    answer = there.page.goto(there.origin + path)
    assert answer.status == 403
    assert why in there.says()
    assert "the address that model-config ui printed" in there.says()
    assert "support_chat" not in there.page.content()
    assert there.faults() == []
    assert there.came_from() == {there.origin}
