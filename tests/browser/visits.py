"""A user's browser, and what it shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

from .history import SECRETS

#: Milliseconds after which an awaited event has failed to come, on the busiest machine.
TOO_LATE = 60_000
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 400, "height": 800}}


class Visit:
    """A separate browser that opened an address.

    Attributes:
        origin: the server's.
        page: the page that is open.
        asked: every address that was asked for.
        complaints: what the browser complained of: errors of scripts, and what the pages' own
            content security policy refuses.
    """

    def __init__(self, context: Any, address: str) -> None:
        parts = urlsplit(address)
        self.origin, self._token = f"{parts.scheme}://{parts.netloc}", f"?{parts.query}"
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(TOO_LATE)
        context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda line: self.complaints.append(line.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def begin(self, path: str = "/") -> Any:
        """Open a page with the token in its address; return the server's answer."""
        return self.page.goto(self.origin + path + self._token)

    def go(self, path: str) -> str:
        """Go to a page of the server; return its text."""
        self.page.goto(self.origin + path)
        return self.says()

    def follow(self, name: str, *, within: str = "main") -> str:
        """Click on a link; return the text of its page."""
        link = self.page.locator(within).get_by_role("link", name=name, exact=True).first
        target = link.evaluate("link => link.href")
        link.click()
        self.page.wait_for_url(lambda url: url == target)
        return self.says()

    def says(self) -> str:
        return str(self.page.inner_text("body"))

    def came_from(self) -> set[str]:
        """Return the origins of all loaded files."""
        return {"{0.scheme}://{0.netloc}".format(urlsplit(each)) for each in self.asked}

    def faults(self) -> list[str]:
        """Return the accessibility problems that axe finds."""
        return [
            f"{each['id']}: {node['html']}: {node['failureSummary']}"
            for each in Axe().run(self.page).response["violations"]
            for node in each["nodes"]
            if each["impact"] in {"serious", "critical"}
        ]


def secrets_in(html: str) -> list[str]:
    return [text for text in SECRETS.values() if text in html]
