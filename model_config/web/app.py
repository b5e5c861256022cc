"""The web application of `model-config ui`: its routes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from model_config.web.building import build_from, build_page
from model_config.web.changing import Form
from model_config.web.guard import Guard
from model_config.web.loading import answer
from model_config.web.page_content import PageContent
from model_config.web.pages import OVERVIEW, Page, Selection, ServedLinks, compare_page
from model_config.web.render import Frame, loading_as_html
from model_config.web.site import Site
from model_config.web.sources.change import apply, plan

_STATIC = Path(__file__).parent / "static"
#: The paths of the views, with their arguments.
_ADDRESSES = (
    "/model/{stack}/{model}",
    "/release/{stack}/{model}/{selector}",
    "/rollout/{stack}/{model}",
    "/drift/{stack}",
    "/compare/{before}/{after}",
    "/compare/{before}/{after}/{model}",
)
_CHANGE = "/change/{verb}/{stack}/{model}"
#: The maximum size of a form, in bytes. Set by this package: the longest form has a reason of 500
#: characters.
_FORM_BYTES = 16_384


def make_app(site: Site, *, token: str, port: int, allows_changes: bool) -> ASGIApp:
    """Return the web application.

    Args:
        site: the site that it serves.
        token: the secret in the address that the command prints.
        port: the server's port.
        allows_changes: whether pages may change labels and rollouts.
    """
    pages = _Pages(site, secrets.token_urlsafe() if allows_changes else None)
    routes: list[BaseRoute] = [
        Route("/", pages.page),
        *(Route(address, pages.page) for address in _ADDRESSES),
        Route("/compare", pages.compare),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    if allows_changes:
        routes += [Route(_CHANGE, pages.plan), Route(_CHANGE, pages.change, methods=["POST"])]
    return Guard(Starlette(routes=routes), token, port)


class _Pages:
    def __init__(self, site: Site, form_token: str | None) -> None:
        self._site, self._form_token = site, form_token

    async def page(self, request: Request) -> Response:
        """Answer with a page."""
        page, frame = _page_of(request), self._frame()
        options = {"commits": True} if request.query_params.get("commits") else {}
        options = options if page == OVERVIEW else {}
        return await answer(
            lambda watch: build_page(self._site, page, frame, watch, **options),
            lambda: loading_as_html(page, frame),
        )

    async def compare(self, request: Request) -> Response:
        """Redirect to the comparison that was selected in a form."""
        form = request.query_params
        before, after = (Selection.parse(form.get(name, "")) for name in ("before", "after"))
        page = compare_page(before, after, form.get("model"))
        return RedirectResponse(page.path, status_code=303)

    async def plan(self, request: Request) -> Response:
        """Answer with a preview of a change."""
        return await self._built(request, plan, dict(request.query_params))

    async def change(self, request: Request) -> Response:
        """Make a confirmed change."""
        body = await request.body()
        form = dict(parse_qsl(body[:_FORM_BYTES].decode(errors="replace")))
        given, expected = form.pop("form_token", ""), self._form_token or ""
        if not secrets.compare_digest(given.encode(), expected.encode()):
            return PlainTextResponse(
                "Refused: the form belongs to another session. Reload the page.\n", 403
            )
        return await self._built(request, apply, form)

    async def _built(
        self, request: Request, read: Callable[[Site, Page, Form], PageContent], form: Form
    ) -> Response:
        page = _page_of(request)
        made = await run_in_threadpool(
            build_from, page, self._frame(), lambda: read(self._site, page, form)
        )
        return HTMLResponse(made.html, made.status)

    def _frame(self) -> Frame:
        return Frame(self._site, ServedLinks(), is_served=True, form_token=self._form_token)


def _page_of(request: Request) -> Page:
    view = request.url.path.split("/")[1]
    return Page(view, tuple(request.path_params.values())) if view else OVERVIEW
