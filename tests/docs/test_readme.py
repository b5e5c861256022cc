"""README names pages that exist. Its ten minutes are run by tests/install."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text("utf-8")


def test_every_page_that_readme_names_exists() -> None:
    elsewhere = ("https://", "models/")  # the shipped models may be replaced
    for page in re.findall(r"\]\(([^)#]+)\)", README):
        assert page.startswith(elsewhere) or (CHECKOUT / page).exists(), page
