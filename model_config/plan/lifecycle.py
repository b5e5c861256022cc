"""Models that their providers retire: what `lifecycle.yaml` says, and which values name one."""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, ValidationError

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.plan.hierarchy import texts_in
from model_config.plan.project import Project
from model_config.schema.problems import messages_of

FILE = "lifecycle.yaml"
#: How far ahead `validate` and the pages look.
SOON = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Retirement:
    """A model that its provider retires; `on` is None if the provider hasn't said when."""

    on: date | None
    source: str
    instead: str | None = None

    @property
    def text(self) -> str:
        instead = f"; instead: {self.instead}" if self.instead else ""
        if self.on is None:
            return f"is legacy, with no date yet ({self.source}{instead})"
        days = (self.on - today()).days
        when = "today" if not days else f"in {days} days" if days > 0 else f"{-days} days ago"
        verb = "retires" if days >= 0 else "retired"
        return f"{verb} on {self.on}, {when} ({self.source}{instead})"


#: By the provider's name for the model.
Retirements: TypeAlias = dict[str, Retirement]


def today() -> date:
    return datetime.now(UTC).date()


def _day(text: object) -> object:
    # Not pydantic's own rule, to which 20270114 is a number of seconds.
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(text), re.ASCII):
        raise ValueError(f'"{text}" is not a date: write year, month and day, 2027-01-14')
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise ValueError(f'"{text}" is not a date: {error}') from None


_Day = Annotated[date, BeforeValidator(_day)]


class _Model(BaseModel, extra="forbid"):
    retires: _Day
    instead: str | None = None
    source: str | None = None


class _File(BaseModel, extra="forbid"):
    checked: _Day
    models: Annotated[
        dict[str, _Model], BeforeValidator(lambda given: {} if given == "" else given)
    ] = {}


class _Loader(yaml.BaseLoader):
    """All scalars stay text: YAML's own dates fail without saying which one is wrong."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's
    ) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            # The last one would win, with whichever date it has.
            raise yaml.constructor.ConstructorError(
                problem=f"{twice} is there twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_lifecycle(project: Project) -> Retirements:
    file = project.root / FILE
    if not file.is_file():
        return {}
    try:
        given = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - safe
        content = _File.model_validate(given)
    except ValidationError as error:
        problems = list(messages_of(error))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        problems = [("", f"it can't be read: {str(error) or 'it is nested too deeply'}")]
    else:
        source = f"{FILE}, checked {content.checked}"
        return {
            name: Retirement(model.retires, source, model.instead)
            for name, model in content.models.items()
        }
    raise InvalidConfigurationError(
        Finding(f"{FILE}: {where}" if where else FILE, problem, "correct it", file=FILE)
        for where, problem in problems
    )


def retiring(
    config: object, retirements: Retirements, within: timedelta | None = None
) -> Iterator[tuple[str, str, Retirement]]:
    """Yield the path and text of each value that names a model, with its retirement.

    A text names a model if it is the model's name, alone or at the end of an ARN, of an inference
    profile ("eu.anthropic.claude…"), or of a router's name for it ("openai/gpt-4o").
    """
    until = date.max if within is None else today() + within
    for path, text in texts_in(config):
        last = text.rpartition("/")[2]
        for name in (text, last, last.partition(".")[2]):
            if (retirement := retirements.get(name)) and (retirement.on or date.min) <= until:
                yield path, text, retirement
                break
