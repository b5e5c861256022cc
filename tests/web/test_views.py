"""The values that views compute: drawings, flags and snippets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from model_config.format.errors import ReleaseError
from model_config.format.release import Release
from model_config.format.rollout import Moved, Rollout, RolloutDocument, Step
from model_config.operate.environment import Environment
from model_config.operate.record import Written
from model_config.operate.releases import PastRelease, Releases
from model_config.operate.rollout_plan import RolloutPlan
from model_config.operate.ssm import Ssm
from model_config.web.history import COLUMN, HEIGHT, WIDTH, curve, timeline
from model_config.web.releases import python
from model_config.web.site import OVERVIEW, Links, Page

from .conftest import NOW, ago


def unreadable(_: str) -> Release:
    raise ReleaseError("no")


def releases(*labels: tuple[str, ...]) -> Releases:
    """Releases, two hours apart, each with its labels."""
    count = len(labels)
    found = [
        PastRelease(number, ago(hours=2 * (count - number)), "", names, str, unreadable)
        for number, names in enumerate(labels, start=1)
    ]
    return Releases("chat", "dev", "/ai/dev/chat/release", tuple(reversed(found)))


def moved(hours: float, *move: Any, rollout: Rollout | None = None) -> Written:
    return Written(1, ago(hours=hours), "", RolloutDocument(Moved(*move), rollout))


def bars(*arguments: Any) -> dict[str, list[tuple[int, int, int]]]:
    """Each lane's bars: release, first column, columns."""
    drawn = timeline(*arguments)
    return {
        lane: [(b.release, b.x // COLUMN, -(-b.width // COLUMN)) for b in bars]
        for lane, _, bars in drawn.lanes
    }


def test_a_label_is_drawn_on_each_release_that_it_was_on() -> None:
    # Columns: release 1, the first move, release 2, the second move, release 3.
    found = releases((), ("stable",), ())
    history = [moved(3, "stable", 1, None), moved(1, "stable", 2, 1)]
    assert bars(found, history) == {"stable": [(1, 1, 2), (2, 3, 2)]}


def test_a_label_without_a_record_is_drawn_where_it_is_and_from_the_left_before_one() -> None:
    assert bars(releases((), (), ("stable",)), []) == {"stable": [(3, 2, 1)]}
    found = releases(("stable-previous",), ("stable",))
    assert bars(found, [moved(1, "stable", 2, 1)]) == {"stable": [(1, 0, 1), (2, 1, 2)]}


def test_a_rollout_has_a_lane_of_its_own_from_its_start_to_its_end() -> None:
    found = releases((), ("stable",))
    under_way = rollout_of(8, steps=(5, 100))
    history = [
        moved(1.5, "stable", 1, None),
        moved(1, "stable", 1, None, rollout=under_way),
        moved(0.5, "stable", 2, 1),
    ]
    assert bars(found, history)["stable rollout"] == [(8, 2, 1)]
    assert bars(found, history[:2])["stable rollout"] == [(8, 1, 2)]


def test_only_the_newest_columns_are_drawn() -> None:
    found = releases(*[()] * 39, ("stable",))
    drawn = timeline(found, [])
    assert (len(drawn.marks), drawn.width) == (24, 24 * COLUMN)
    assert drawn.marks[0][1] == 40


def rollout_of(release: int, *, steps: tuple[float, ...], begun: float = 90) -> Rollout:
    every = timedelta(hours=1)
    times = tuple(Step(ago(minutes=begun) + n * every, p) for n, p in enumerate(steps))
    plan = RolloutPlan(steps, every)
    return Rollout("stable", release, 7, "0123456789abcdef", times, plan=plan.to_json())


def test_a_curve_steps_up_at_each_time_and_has_times_on_its_axis() -> None:
    drawn = curve(rollout_of(8, steps=(5, 25, 100)), NOW)
    assert drawn.now == WIDTH / 2  # an hour and a half of three
    assert drawn.line == f"M0 {HEIGHT}H0.0V190.0H213.3V150.0H426.7V0.0H{WIDTH}"
    assert drawn.past == f"M0 {HEIGHT}H0.0V190.0H213.3V150.0H320.0V{HEIGHT}Z"
    assert [point.is_past for point in drawn.points] == [True, True, False]
    (first, begin), *between, (last, end) = drawn.ticks
    assert (first, begin) == (0, ago(minutes=90))
    assert (last, end) == (WIDTH, ago(minutes=-90))
    assert [at for _, at in between] == [ago(minutes=30), ago(minutes=-30)]
    # One that has not begun has nothing past.
    drawn = curve(rollout_of(8, steps=(5, 100), begun=-60), NOW)
    assert drawn.now == 0
    assert not any(point.is_past for point in drawn.points)


def test_a_curve_ends_with_the_last_year() -> None:
    last = Step(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 100)
    drawn = curve(replace(rollout_of(8, steps=(5,)), steps=(Step(ago(), 5), last)), NOW)
    assert drawn.ticks[-1] == (WIDTH, last.at)


def test_links_between_files_are_relative_and_only_to_what_is_made() -> None:
    asked = []

    def wanted(page: Page) -> bool:
        asked.append(page)
        return page.view != "release"

    links = Links.of_file(Page.compare("dev@1", "dev@2", "chat"), wanted)
    assert links.to(OVERVIEW) == "../../../index.html"
    assert links.to(Page.of("model", "dev", "chat")) == "../../../model/dev/chat.html"
    assert links.static("style.css") == "../../../static/style.css"
    assert links.to(Page.of("release", "dev", "chat", 1)) is None
    assert (
        Links.of_file(OVERVIEW, wanted).to(Page.of("model", "dev", "chat")) == "model/dev/chat.html"
    )
    assert len(asked) == 4
    assert Page.of("model", "dev", "a b?c#d/e").path == "/model/dev/a%20b%3Fc%23d%2Fe"


def test_the_lines_of_an_application_read_a_value_and_render_a_prompt() -> None:
    config = {"id": "x", "generation": {"temperature": 0.5}, "prompt": "Hi {{a}} {{b}}"}
    content = Release.of("chat", "dev", "Chat", config, templates=["prompt"])
    lines = python(Environment("dev", "/team/ai", Ssm(None)), "chat", 7, content)
    assert 'reader = Reader(environment="dev", prefix="/team/ai")' in lines
    assert 'config = reader.get("chat", release=7)' in lines
    assert 'config["generation"]["temperature"]  # 0.5' in lines
    assert 'config.render("prompt", a=…, b=…)' in lines


def test_a_key_beyond_unicodes_first_plane_is_pythons_own_text() -> None:
    content = Release.of("chat", "dev", "Chat", {"logit_bias": {"😀": -1}})
    lines = python(Environment("dev", "/ai", Ssm(None)), "chat", 7, content)
    assert lines.endswith("""config["logit_bias"]['\\U0001f600']  # -1""")
