"""A workflow's results as one text that fits into a comment or an issue on GitHub."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

from model_config.format.errors import ModelConfigError

#: The maximum length of a comment or an issue on GitHub, in characters.
LIMIT = 65_536
#: Identifies the comment among others.
MARK = "<!-- model-config -->"


def compose(run: str, texts: Mapping[str, str]) -> str:
    """Return Markdown unchanged, followed by each log, folded; texts are cut at the limit.

    Args:
        run: the URL of the workflow run, which has the full texts.
        texts: a file's name ("diff.md", "prod.txt") and its content.
    """
    parts = [MARK]
    left = LIMIT - len(MARK) - len(_end(run, cut=True)) - 1
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
    return f"\n{'Shortened to fit. The full text is in' if cut else 'From'} {run}\n"


def _folded(title: str, text: str) -> tuple[str, str]:
    # Longer than any fence in the text, so that the text can't end it.
    fence = "`" * (max(map(len, re.findall("`{3,}", text)), default=2) + 1)
    return f"<details><summary>{title}</summary>\n\n{fence}\n", f"\n{fence}\n</details>"


def _cut(text: str, room: int) -> str:
    """Return as many whole lines as fit."""
    return text if len(text) <= room else text[: text.rfind("\n", 0, room + 1) + 1].rstrip()


def write_comment(repository: str, pull_request: str, text: str) -> None:
    """Write the comment on a pull request of "owner/name", or replace the existing one.

    Raises:
        ModelConfigError: GitHub refused the request.
    """
    comments = f"repos/{repository}/issues/{pull_request}/comments"
    existing = (
        '.[] | select(.user.login == "github-actions[bot]") '
        f'| select(.body | startswith("{MARK}")) | .id'
    )
    if found := _gh("api", "--paginate", comments, "--jq", existing).split():
        there = f"repos/{repository}/issues/comments/{found[0]}"
        _gh("api", "--silent", "--method", "PATCH", "-F", "body=@-", there, text=text)
    else:
        _gh("api", "--silent", "-F", "body=@-", comments, text=text)


def write_issue(title: str, label: str, text: str) -> None:
    """Open an issue with a label, or replace the text of the open one.

    Raises:
        ModelConfigError: GitHub refused the request.
    """
    if issue := _open_issue(label):
        _gh("issue", "edit", issue, "--body-file", "-", text=text)
    else:
        _gh("label", "create", label, "--force")
        _gh("issue", "create", "--title", title, "--label", label, "--body-file", "-", text=text)


def close_issue(label: str, comment: str) -> None:
    """Close the open issue with a label, if there is one.

    Raises:
        ModelConfigError: GitHub refused the request.
    """
    if issue := _open_issue(label):
        _gh("issue", "close", issue, "--comment", comment)


def _open_issue(label: str) -> str:
    newest = ("--json", "number", "--jq", ".[0].number // empty")
    return _gh("issue", "list", "--label", label, "--state", "open", *newest).strip()


def _gh(*arguments: str, text: str = "") -> str:
    """Run GitHub's command line, which every runner has, with a text on its standard input."""
    try:
        ended = subprocess.run(  # noqa: S603 -- our own arguments
            ["gh", *arguments],  # noqa: S607 -- wherever the runner has it
            input=text,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    except FileNotFoundError:
        raise ModelConfigError("gh, GitHub's command line, is not on PATH") from None
    except subprocess.CalledProcessError as error:
        raise ModelConfigError(f"gh {' '.join(arguments[:2])}: {error.stderr.strip()}") from None
    return ended.stdout
