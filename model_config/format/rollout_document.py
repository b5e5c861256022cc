"""Reads, checks and writes the text of a model's rollout parameter.

`docs/release-format.md` describes it for readers in other languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from model_config.format.codec import PART_BYTES, size_in_bytes, to_json
from model_config.format.errors import RolloutError, UsageError
from model_config.format.names import check_movable_label, check_selector
from model_config.format.rollout import Moved, Rollout, RolloutDocument, Step

FORMAT = 1
#: The text that a deploy writes: no move is recorded and no rollout is under way.
EMPTY = '{"format":1}'
#: The most characters of a reason. Set by this package, so that a document of many steps fits.
REASON_CHARACTERS = 500
#: The most steps of a rollout. Set by this package, so that a document with a reason fits.
MAX_STEPS = 20
#: Seconds between two reads of the document while a rollout is under way. Set by this package: with
#: fewer, a fleet could exhaust the account's requests; with more, an abort would be slow.
POLL_SECONDS = range(5, 3601)

_SALT = re.compile(r"[0-9a-f]{16}")


def read_rollout(text: str) -> RolloutDocument:
    """Return the content of a rollout document. Unknown keys are ignored.

    Raises:
        RolloutError: the text is not JSON, has a newer format, or has a value that is not valid.
    """
    document = _object(_parsed(text), "the rollout document")
    if document.get("format") != FORMAT:
        raise RolloutError(
            f"the rollout document has format {document.get('format')!r}, and this version "
            f"supports {FORMAT}: update the model-config package"
        )
    moved, rollout = document.get("moved"), document.get("rollout")
    try:
        return RolloutDocument(
            None if moved is None else _read_moved(_object(moved, "`moved`")),
            None if rollout is None else _read_rollout(_object(rollout, "`rollout`")),
        )
    except KeyError as error:
        raise RolloutError(f"the rollout document has no {error}") from None
    except UsageError as error:  # a label or a release's number
        raise RolloutError(f"the rollout document is not valid: {error}") from None


def write_rollout(document: RolloutDocument) -> str:
    """Return the text of a rollout document.

    Raises:
        RolloutError: a value in it is not valid, or it is too large for its parameter.
    """
    content: dict[str, Any] = {"format": FORMAT}
    if moved := document.moved:
        content["moved"] = {"label": moved.label, "release": moved.release, "from": moved.before}
        optional = {"reason": moved.reason, "held": moved.held}
        content["moved"] |= {key: value for key, value in optional.items() if value is not None}
    if rollout := document.rollout:
        content["rollout"] = {
            "label": rollout.label,
            "release": rollout.release,
            "from": rollout.before,
            "salt": rollout.salt,
            "steps": [{"at": _time(step.at), "percent": step.percent} for step in rollout.steps],
            "poll_seconds": rollout.poll_seconds,
            **({"plan": dict(rollout.plan)} if rollout.plan else {}),
        }
    text = to_json(content)
    read_rollout(text)
    if (size := size_in_bytes(text)) > PART_BYTES:
        raise RolloutError(
            f"the rollout document has {size:,} bytes; a Standard parameter holds "
            f"{PART_BYTES:,}. Shorten the reason, or use fewer steps"
        )
    return text


def _read_moved(moved: Mapping[str, Any]) -> Moved:
    check_movable_label(_text(moved["label"], "label"))
    before, reason = moved.get("from"), moved.get("reason")
    for release in (moved["release"], *([] if before is None else [before])):
        check_selector(_number(release))
    if reason is not None:
        _text(reason, "reason", REASON_CHARACTERS)
    held = moved.get("held")
    if not isinstance(held, bool | None):
        raise RolloutError(f"`held` is {held!r}, not true or false")
    return Moved(moved["label"], moved["release"], before, reason, held)


def _read_rollout(rollout: Mapping[str, Any]) -> Rollout:
    check_movable_label(_text(rollout["label"], "label"))
    release, before = rollout["release"], rollout["from"]
    for number in (release, before):
        check_selector(_number(number))
    if release == before:
        raise RolloutError(f"the candidate is release {release}, which the label is on already")
    if not _SALT.fullmatch(_text(rollout["salt"], "salt")):
        raise RolloutError("`salt` is not 16 hex digits in lower case")
    poll_seconds = rollout.get("poll_seconds", 30)
    if _number(poll_seconds) not in POLL_SECONDS:
        raise RolloutError(
            f"`poll_seconds` is {poll_seconds!r}, not a whole number from {POLL_SECONDS.start} to "
            f"{POLL_SECONDS.stop - 1:,}"
        )
    plan = rollout.get("plan", {})
    return Rollout(
        label=rollout["label"],
        release=release,
        before=before,
        salt=rollout["salt"],
        steps=_read_steps(rollout["steps"]),
        poll_seconds=poll_seconds,
        plan=plan if isinstance(plan, Mapping) else {},
    )


def _read_steps(given: Any) -> tuple[Step, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_STEPS:
        raise RolloutError(f"`steps` is not a list of 1 to {MAX_STEPS} steps")
    steps = tuple(_read_step(_object(step, "a step")) for step in given)
    _check_rising(steps)
    return steps


def _check_rising(steps: Sequence[Step]) -> None:
    for earlier, later in pairwise(steps):
        if later.at <= earlier.at:
            raise RolloutError(f"the step at {_time(later.at)} is not after {_time(earlier.at)}")
        if later.percent <= earlier.percent:
            raise RolloutError(
                f"the step to {later.percent:g} percent does not rise from {earlier.percent:g}: a "
                "unit that was served the candidate would go back"
            )


def _read_step(step: Mapping[str, Any]) -> Step:
    percent = step["percent"]
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent <= 100:  # noqa: PLR2004
        raise RolloutError(f"a step's percent is {percent!r}, not a number above 0 and up to 100")
    if round(percent, 2) != percent:
        raise RolloutError(f"a step's percent is {percent!r}; it has at most two decimal places")
    at = _parsed_time(step["at"])
    if at is None or at.tzinfo is None:
        raise RolloutError(
            f"a step is at {step['at']!r}, which is not a time with a time zone, such as "
            '"2026-12-01T10:00:00Z"'
        )
    return Step(at.astimezone(UTC), percent)


def _parsed_time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _time(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _text(value: Any, what: str, most: int = PART_BYTES) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise RolloutError(f"`{what}` is not text of at most {most:,} characters")
    return value


def _number(value: Any) -> int:
    # In Python a bool is an int; a whole float such as 8.0 isn't an integer in every language.
    if isinstance(value, bool) or not isinstance(value, int):
        raise RolloutError(f"{value!r} is not a whole number")
    return value


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RolloutError(f"{what} is not a JSON object")
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RolloutError("the rollout document is not JSON") from None
