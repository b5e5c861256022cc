"""Rules that every text of ours keeps: the pages, the examples, and what `init` writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from support.project import CHECKOUT

TEMPLATE = CHECKOUT / "model_config" / "scaffold" / "template"
FOLDERS = ("docs", "examples", "policy", "model_config", ".github")
PAGES = sorted(
    page
    for page in [
        *CHECKOUT.glob("*.md"),
        *(p for f in FOLDERS for p in (CHECKOUT / f).rglob("*.md")),
    ]
    if not {".venv", "node_modules"} & set(page.relative_to(CHECKOUT).parts)
)
SCRIPTS = [
    path
    for path in [CHECKOUT / "Makefile", *(p for f in FOLDERS for p in (CHECKOUT / f).rglob("*"))]
    if path.suffix in {".py", ".yml", ".yaml", ".txt"} or path.name in {"Makefile", "Dockerfile"}
]


def named(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


def installs(text: str) -> Iterator[str]:
    """Yield what each `pip install` installs, without options and their files."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.findall(r"pip install ([^`\n]*)", line):
            yield from re.findall(r"model-config\S*(?: @ \S+)?", command)


def test_no_text_has_anybody_install_the_bare_name():
    """Nobody owns it on the public index: whoever takes it would be installed."""
    paths = {path for path in (*PAGES, *SCRIPTS) if ".venv" not in path.parts}
    texts = {named(path): path.read_text("utf-8") for path in paths}
    assert len(texts) > 100
    bare = {
        (name, what)
        for name, text in texts.items()
        for what in installs(text)
        if not re.search(r" @ git\+\S+@", what)
    }
    assert bare == set()


def test_a_page_names_targets_that_the_readers_makefile_has():
    """A team reads docs/ beside its project, and the other pages in a checkout."""
    targets = {
        folder: set(re.findall(r"(?m)^([a-z-]+):", (folder / "Makefile").read_text("utf-8")))
        for folder in (CHECKOUT, TEMPLATE)
    }
    for page in PAGES:
        is_teams = page.is_relative_to(CHECKOUT / "docs") or page.is_relative_to(TEMPLATE)
        text = page.read_text("utf-8").replace("`make bench`", "")  # where a figure comes from
        code = "\n".join(re.findall(r"(?sm)^```.*?^```|`[^`\n]+`", text))
        used = set(re.findall(r"(?m)(?:^|`|&& )make ([a-z-]+)(?![a-z/-])", code))
        assert used <= targets[TEMPLATE if is_teams else CHECKOUT], named(page)


def test_a_pages_lines_have_one_width():
    texts = {page: re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text("utf-8")) for page in PAGES}
    long = [
        (named(page), line)
        for page, text in texts.items()
        for line in text.splitlines()
        # A table's row and a picture are one line, and an address isn't broken.
        if len(line) > 100 and not line.lstrip().startswith(("|", "![")) and " " in line[5:90]
    ]
    assert long == []


def test_contributing_names_files_that_exist():
    """Its table says where each kind of change goes: paths begin in model_config/ or at the top."""
    table = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8").split("## Rooms")[0]
    paths = set(re.findall(r"`((?:[\w.]+/)*[\w.]+(?:/|\.\w+))`", table))
    assert len(paths) > 40
    roots = (CHECKOUT, CHECKOUT / "model_config")
    assert {path for path in paths if not any((root / path).exists() for root in roots)} == set()
