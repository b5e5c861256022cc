"""Everything can be reached with the keyboard, and the focus is visible."""

from __future__ import annotations

from playwright.sync_api import expect

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
        left = reader.page.evaluate_handle("document.activeElement")
        reader.page.keyboard.press("Tab")
        reader.page.wait_for_function("left => document.activeElement !== left", arg=left)
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
    expect(skip).to_be_in_viewport()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**#main")
    expect(skip).not_to_be_focused()  # the browser moves the focus after the address
    assert tab(reader, 1) == ["for"]


def test_a_filter_a_link_and_a_fold_are_used_with_keys(reader: Visit) -> None:
    reader.page.get_by_label("drift (1)").focus()
    reader.page.keyboard.press("Space")
    expect(reader.page.locator("output")).to_have_text("1 of 3")
    reader.page.get_by_role("link", name="1 edited").focus()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/drift/prod")
    reader.go("/release/prod/support_chat/2")
    fold = reader.page.locator(".fill").first
    fold.locator("summary").focus()
    reader.page.keyboard.press("Enter")
    expect(fold).to_have_attribute("open", "")
    assert tab(reader, 1) == ["INPUT"]
    reader.page.keyboard.type("Acme")
    expect(reader.page.locator(".text").first).to_contain_text("assistant of Acme.")
