"""What a run has to tell, as one text that a comment or an issue on GitHub can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Characters that GitHub takes in a comment or an issue (GraphQL's MAX_BODY is 65,536).
LIMIT = 65_536
#: By this a comment is found again.
MARK = "<!-- model-config -->"


def compose(run: str, texts: Mapping[str, str], limit: int = LIMIT) -> str:
    """Return Markdown as it stands, and then each log, folded; cut where there is no more room.

    Args:
        run: where all of it can be read.
        texts: a file's name ("diff.md", "prod.txt") and what is in it.
        limit: characters that the text may have.
    """
    parts = [MARK]
    left = limit - len(MARK) - len(_end(run, cut=True)) - 1
    whole = True
    for name, text in sorted(texts.items(), key=lambda item: not item[0].endswith(".md")):
        frame = ("", "") if name.endswith(".md") else _folded(name.removesuffix(".txt"), text)
        room = left - len("".join(frame)) - 1
        shown = _cut(text.strip(), max(room, 0))
        whole = whole and shown == text.strip()
        if shown:
            parts.append(f"{frame[0]}{shown}{frame[1]}")
            left -= len(parts[-1]) + 1
    return "\n".join([*parts, _end(run, cut=not whole)])


def _end(run: str, *, cut: bool) -> str:
    return f"\n{'There was no room for all of it; the rest is in' if cut else 'From'} {run}\n"


def _folded(title: str, text: str) -> tuple[str, str]:
    # A fence longer than any in the text, which so can't end it.
    fence = "`" * (max(map(len, re.findall("`{3,}", text)), default=2) + 1)
    return f"<details><summary>{title}</summary>\n\n{fence}\n", f"\n{fence}\n</details>"


def _cut(text: str, room: int) -> str:
    """Return as many whole lines as there is room for."""
    return text if len(text) <= room else text[: text.rfind("\n", 0, room + 1) + 1].rstrip()
