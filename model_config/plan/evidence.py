"""Evidence: the results of evaluating a configuration, in `evidence/<digest>.json` of a project.

A configuration has the same digest wherever its values are the same, so what was evaluated in one
environment needs no second run for another. The file's name is the digest without "sha256:", since
some file systems refuse a colon.
"""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat

from pydantic import AliasPath, AwareDatetime, BaseModel, Field, ValidationError

from model_config.format.errors import EvidenceError
from model_config.format.text import plural, shortened
from model_config.plan.project import Project
from model_config.schema.problems import messages_of

FOLDER = "evidence"
#: The largest report and the largest evidence file, in bytes. Set by this package.
LARGEST = 20 * 1024 * 1024
#: How far another machine's clock may be ahead.
_SKEW = timedelta(minutes=5)
#: The most problems that a message names, and the most characters of a test's name.
_SHOWN, _NAME = 10, 300


class Result(BaseModel, strict=True, frozen=True, extra="forbid"):
    """One test's results: the share of its runs that passed, and the least that is enough."""

    name: Annotated[str, Field(min_length=1, max_length=_NAME)]
    rate: Annotated[float, Field(ge=0, le=1)]
    floor: Annotated[float, Field(gt=0, le=1)] = 1.0
    repeats: Annotated[int, Field(ge=1)] = 1

    @property
    def problem(self) -> str | None:
        if self.rate and self.rate >= self.floor:
            return None
        share = _percent(self.rate) if self.rate else "none"
        below = f", below its floor of {_percent(self.floor)}" if self.rate else ""
        return f"{self.name!r} passed in {share} of {plural(self.repeats, 'run')}{below}"


class Evidence(BaseModel, strict=True, frozen=True, extra="forbid"):
    format: Literal[1]
    digest: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
    at: Annotated[AwareDatetime, Field(gt=datetime(2000, 1, 1, tzinfo=UTC))]
    by: Annotated[str, Field(min_length=1, max_length=_NAME)]
    tests: Annotated[tuple[Result, ...], Field(min_length=1)]

    @property
    def text(self) -> str:
        at = f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        content = {**self.model_dump(), "at": at}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def problems(self, digest: str, max_age: timedelta | None) -> Iterator[str]:
        now = datetime.now(UTC)
        if self.digest != digest:
            yield f"it is for another digest, {self.digest}"
            return
        if self.at > now + _SKEW:
            yield f"it is from the future, {self.at:%Y-%m-%d %H:%M}"
        elif max_age is not None and now - self.at > max_age:
            yield f"it is of {self.at:%Y-%m-%d %H:%M}, and so older than it may be"
        yield from (test.problem for test in self.tests if test.problem)


class Verdict(NamedTuple):
    """Whether there is evidence, and whether it is enough; None if there is none."""

    passed: bool | None
    text: str


def evidence_file(project: Project, digest: str) -> Path:
    return project.root / FOLDER / f"{digest.removeprefix('sha256:')}.json"


def verdict(
    project: Project | None, digest: str | None, max_age: timedelta | None = None
) -> Verdict:
    if project is None or digest is None or not (file := evidence_file(project, digest)).is_file():
        return Verdict(None, "no evidence")
    try:
        evidence = Evidence.model_validate_json(read_bounded(file))
        problems = list(evidence.problems(digest, max_age))
    except ValidationError as error:
        problems = _messages(error)
    except EvidenceError as error:
        problems = [str(error)]
    if problems:
        return Verdict(passed=False, text=f"{FOLDER}/{file.name}: {_listed(problems)}")
    lowest = min(test.rate for test in evidence.tests)
    below = f", the lowest in {_percent(lowest)} of runs" if lowest < 1 else ""
    return Verdict(passed=True, text=f"{plural(len(evidence.tests), 'test')} passed{below}")


def read_bounded(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise EvidenceError(f"{file} can't be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise EvidenceError(
            f"{file} has more than {LARGEST // 1024**2} MiB, the most that is read: leave the "
            "models' outputs out of it"
        )
    return content


class Report(BaseModel, strict=True, frozen=True, extra="forbid"):
    """An evaluator's report, as any can write it in JSON: its tests, and what else is known."""

    tests: tuple[Result, ...]
    format: Literal[1] = 1
    digest: str | None = None
    at: AwareDatetime | None = None
    by: str | None = None
    skipped: int = 0

    def recorded(self, digest: str, by: str) -> Evidence:
        """Return the evidence for a digest. Raises EvidenceError if it is for another one."""
        if self.digest not in {None, digest}:
            raise EvidenceError(f"it is for {self.digest}, and not for {digest}")
        now = datetime.now(UTC).replace(microsecond=0)
        at = self.at or now
        if at > now + _SKEW:
            raise EvidenceError(f"it is from the future, {at:%Y-%m-%d %H:%M}")
        try:
            return Evidence(format=1, digest=digest, at=at, by=self.by or by, tests=self.tests)
        except ValidationError as error:
            raise EvidenceError(_listed(_messages(error))) from None


def read_report(
    kind: Literal["promptfoo", "junit", "json"], content: bytes, floor: float = 1.0
) -> Report:
    # `floor` is that of tests without one.
    readers: dict[str, Callable[[bytes], Report]]
    readers = {"promptfoo": _promptfoo, "junit": _junit, "json": Report.model_validate_json}
    try:
        report = readers[kind](content)
    except ValidationError as error:
        problems = _listed(_messages(error))
        raise EvidenceError(f"it can't be read as a report of {kind}: {problems}") from None
    if not report.tests:
        raise EvidenceError("it has no results, and so is no evidence")
    tests = [
        test if "floor" in test.model_fields_set else test.model_copy(update={"floor": floor})
        for test in report.tests
    ]
    return report.model_copy(update={"tests": tuple(tests)})


class _Run(BaseModel):
    success: bool
    column: int = Field(0, validation_alias="promptIdx")
    description: str | None = Field(None, validation_alias=AliasPath("testCase", "description"))
    variables: Any = Field(None, validation_alias=AliasPath("testCase", "vars"))
    floor: Any = Field(None, validation_alias=AliasPath("testCase", "metadata", "floor"))


class _Promptfoo(BaseModel):
    version: Literal[3] = Field(validation_alias=AliasPath("results", "version"))
    at: AwareDatetime | None = Field(None, validation_alias=AliasPath("results", "timestamp"))
    runs: list[_Run] = Field(validation_alias=AliasPath("results", "results"))


# A test's name, its own floor, and whether each run passed, by what makes a run one of the test.
_Tests: TypeAlias = dict[Hashable, tuple[str, Any, list[bool]]]


def _promptfoo(content: bytes) -> Report:
    """Read what `promptfoo eval --output results.json` writes."""
    # With --repeat, each repetition has a number of its own: they are one test by what they test.
    # A test without a description is called by its number, since its variables may be personal.
    report = _Promptfoo.model_validate_json(content)
    has_columns = len({run.column for run in report.runs}) > 1
    numbers: dict[str, int] = {}
    tests: _Tests = {}
    for run in report.runs:
        what = json.dumps([run.description, run.variables], sort_keys=True)
        name = run.description or f"test {numbers.setdefault(what, len(numbers) + 1)}"
        name += f", prompt {run.column + 1}" if has_columns else ""
        tests.setdefault((what, run.column), (name, run.floor, []))[2].append(run.success)
    return Report(tests=_results(tests), at=report.at)


def _junit(content: bytes) -> Report:
    """Read JUnit's XML. Test cases of one name are repetitions; a property "floor" is their floor.

    A document type is refused, since its entities can expand without end or name other files.
    """

    def refuse_document_type(*_: object) -> None:
        raise EvidenceError("it has a document type (<!DOCTYPE …>), which no report of JUnit needs")

    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.StartDoctypeDeclHandler = refuse_document_type
    tests: _Tests = {}
    skipped = 0
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat's "this is all"
        root = builder.close()
        for case in root.iter("testcase"):
            if case.find("skipped") is not None:
                skipped += 1
                continue
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            passed = case.find("failure") is None and case.find("error") is None
            floor = case.find("properties/property[@name='floor']")
            least = None if floor is None else float(floor.get("value", ""))
            tests.setdefault(name, (name, least, []))[2].append(passed)
    except EvidenceError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # of an unknown encoding, say
        raise EvidenceError(f"it can't be read as a report of JUnit: {error}") from None
    if root.tag not in {"testsuites", "testsuite"}:
        raise EvidenceError(f"it is not a report of JUnit: its root is <{root.tag}>")
    at = None  # without a time zone, nobody knows when it was
    with suppress(ValueError):
        first = next((suite.get("timestamp", "") for suite in root.iter("testsuite")), "")
        at = datetime.fromisoformat(first)
    return Report(tests=_results(tests), at=at if at and at.tzinfo else None, skipped=skipped)


def _results(tests: _Tests) -> tuple[Result, ...]:
    names = Counter[str]()
    results = []
    for given_name, floor, passed in tests.values():
        name = shortened(" ".join(given_name.split()), _NAME - 10) or "unnamed"
        names[name] += 1
        number = f" ({names[name]})" if names[name] > 1 else ""  # of several tests of one name
        own = {} if floor is None else {"floor": floor}
        rate = sum(passed) / len(passed)
        results.append(Result(name=name + number, rate=rate, repeats=len(passed), **own))
    return tuple(results)


def _messages(error: ValidationError) -> list[str]:
    return [f"{where or 'the file'}: {message}" for where, message in messages_of(error)]


def _listed(problems: list[str]) -> str:
    more = len(problems) - _SHOWN
    return "; ".join([*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _percent(share: float) -> str:
    return f"{int(share * 1000 + 1e-6) / 10:g} %"  # never rounded up: 0.9999 is "99.9 %"
