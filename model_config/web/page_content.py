"""The content of a page before it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model_config.operate.cached_inventory import CachedInventory


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice about a whole page.

    Attributes:
        text: the text.
        as_of: when the page's data was read, if not now.
    """

    text: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class PageContent:
    """The content of a page.

    Attributes:
        template: the template's name.
        title: the page's title.
        data: the template's data.
        notices: notices about the whole page.
    """

    template: str
    title: str
    data: Any
    notices: tuple[Notice, ...] = ()


def notices_of(stack: str, inventory: CachedInventory) -> tuple[Notice, ...]:
    """Return an inventory's problems as notices."""
    away = (Notice(f"{stack}: {inventory.away}", inventory.as_of),) if inventory.away else ()
    return (*away, *(Notice(f"{stack}: {problem}") for problem in sorted(set(inventory.problems))))
