"""Everything can be reached with the keyboard, and the focus is visible."""

from __future__ import annotations

from .visits import Visit

FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.innerText || at.getAttribute("data-filter") || at.name || at.tagName,
          style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""


def tab(reader: Visit, times: int) -> list[str]:
    """Press Tab a number of times; return the focused elements. Each one must be visible."""
    names = []
    for _ in range(times):
        reader.page.keyboard.press("Tab")
        name, is_visible = reader.page.evaluate(FOCUS)
        assert is_visible, name
        names.append(name.strip())
    return names


def test_tab_leads_through_the_first_page_in_the_order_it_is_read(reader: Visit) -> None:
    assert tab(reader, 16) == [
        *("Skip to the content", "Overview", "Compare", "Drift in dev", "Drift in prod"),
        *("for", "Search"),
        *("name", "unserved", "rollout", "drift", "held", "behind"),
        reader.page.locator(".wide").inner_text().strip(),  # a scrollable region
        *("newest 1", "1"),
    ]


def test_the_first_link_skips_to_the_content(reader: Visit) -> None:
    tab(reader, 1)
    skip = reader.page.get_by_role("link", name="Skip to the content")
    assert skip.bounding_box()["x"] >= 0
    reader.page.keyboard.press("Enter")
    assert reader.page.url.endswith("#main")
    assert tab(reader, 1) == ["for"]


def test_a_filter_a_link_and_a_fold_are_used_with_keys(reader: Visit) -> None:
    reader.page.get_by_label("drift (1)").focus()
    reader.page.keyboard.press("Space")
    assert reader.page.locator("output").inner_text() == "1 of 3"
    reader.page.get_by_role("link", name="1 edited").focus()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/drift/prod")
    reader.go("/release/prod/support_chat/2")
    reader.page.locator(".fill summary").first.focus()
    reader.page.keyboard.press("Enter")
    assert tab(reader, 1) == ["INPUT"]
    reader.page.keyboard.type("Acme")
    assert "assistant of Acme." in reader.page.locator(".text").first.inner_text()
