"""Which imported parameters a stack can adopt, and the file for `pulumi import --file`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from model_config.importing.field import Found
from model_config.plan.planned_model import PlannedModel

Outcome = Literal["adopted", "new", "in the way"]

_DELETE = "aws ssm delete-parameter --name"


@dataclass(frozen=True, slots=True)
class Adoption:
    """The outcome for one parameter.

    Attributes:
        name: the parameter's name.
        becomes: its path in the model, "generation/temperature".
        outcome: "adopted": the stack takes it over with its history. "new": the stack creates
            another parameter. "in the way": the stack needs its name for another parameter.
        why: why it is not adopted, and what to do.
    """

    name: str
    becomes: str
    outcome: Outcome
    why: str


def adoption(found: Found, becomes: str, planned: PlannedModel, *, secret: bool) -> Adoption:
    """Return the outcome for a parameter that becomes a field, or a secret, of a planned model."""
    problems = []
    if found.type != "SecureString":
        problems.append(f"a {found.type} can't become a SecureString")
    if found.tier != "Standard":
        problems.append(f"tier {found.tier} can't become Standard")
    if found.name == planned.release_name:
        problems.append("the model's release has this name")
    if found.name not in {planned.release_name, *(each.name for each in planned.parameters)}:
        problems.append("a name can't change, so this parameter stays until you delete it")
        outcome: Outcome = "new"
    elif problems:
        problems.append(f"delete it just before the deploy: `{_DELETE} {found.name}`")
        outcome = "in the way"
    else:
        outcome = "adopted"
    if secret and found.type != "SecureString":
        problems.append("the secret was in plain text: have its provider replace it")
    return Adoption(found.name, becomes, outcome, "; ".join(problems))


def import_list(planned: PlannedModel, adoptions: Iterable[Adoption]) -> Mapping[str, Any] | None:
    """Return the contents of the file for `pulumi import --file`; None if nothing is adopted.

    It includes the component, so that the parameters get the same URNs as in the program.
    """
    adopted = [
        {
            "type": "aws:ssm/parameter:Parameter",
            "name": f"{planned.name}{each.name.removeprefix(planned.path)}",
            "id": each.name,
            "parent": planned.name,
        }
        for each in adoptions
        if each.outcome == "adopted"
    ]
    component = {
        "type": "model-config:index:ModelParameters",
        "name": planned.name,
        "component": True,
    }
    return {"resources": [component, *adopted]} if adopted else None
