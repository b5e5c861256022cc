"""Previews and makes changes of a model's labels and rollouts."""

from __future__ import annotations

from dataclasses import dataclass

from model_config.format.errors import UsageError
from model_config.web.changing import Change, Form, prepare
from model_config.web.page_content import PageContent
from model_config.web.pages import Page, model_page
from model_config.web.site import Site
from model_config.web.views.compare import Comparison, comparison

_TITLES = {
    "promote": "Promote",
    "rollback": "Roll back",
    "start": "Start a rollout",
    "abort": "Abort the rollout",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that is to be confirmed.

    Attributes:
        comparison: the differences for readers, if they are known.
        form: the form's input, which the confirmation sends again.
    """

    model_page: Page
    change: Change
    comparison: Comparison | None
    form: Form


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made, in words."""

    model_page: Page
    what: tuple[str, ...]


def plan(site: Site, page: Page, form: Form) -> PageContent:
    """Return the preview of a change, without making it."""
    verb, stack, model = page.arguments
    with site.environment(stack).hold():
        change = _prepared(site, page, form)
        before, after = change.differs
        differs = comparison(model, before, after) if before and after else None
    content = Planned(model_page(stack, model), change, differs, form)
    return PageContent("planned", f"{_TITLES[verb]}: {model} in {stack}", content)


def apply(site: Site, page: Page, form: Form) -> PageContent:
    """Make a change that was previewed and confirmed.

    Raises:
        UsageError: somebody else has changed something since the preview.
    """
    verb, stack, model = page.arguments
    with site.environment(stack).hold():
        change = _prepared(site, page, form)
        if change.state != form.get("state"):
            raise UsageError(
                f"{model} in {stack} was changed by somebody else in the meantime, so nothing was "
                "done: go back to the model's page, check it and try again"
            )
        what = change.apply()
    done = Done(model_page(stack, model), what)
    return PageContent("done", f"{_TITLES[verb]}: {model} in {stack}", done)


def _prepared(site: Site, page: Page, form: Form) -> Change:
    verb, stack, model = page.arguments
    target = site.environment(stack).for_changes()
    return prepare(verb, target, site.check_of, model, form)
