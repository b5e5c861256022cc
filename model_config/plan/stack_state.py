"""The part of a stack's state that `recover` and `drift` need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PARAMETER = "aws:ssm/parameter:Parameter"
KEY, ALIAS = "aws:kms/key:Key", "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"


@dataclass(frozen=True, slots=True)
class StackState:
    """The resources in a stack's state.

    Attributes:
        ids: the ids of its resources, by type.
        urns: the URN of each component, by its name.
        pending: the operations that an interrupted deploy left, each with its kind and URN.
    """

    ids: Mapping[str, frozenset[str]]
    urns: Mapping[str, str]
    pending: Sequence[tuple[str, str]]

    def has(self, kind: str, id_: str) -> bool:
        """Return whether the state has a resource."""
        return id_ in self.ids.get(kind, frozenset())


@dataclass(frozen=True, slots=True)
class Adoption:
    """A resource to import into the state, with what `pulumi import` needs.

    Attributes:
        type: its type, "aws:ssm/parameter:Parameter".
        name: its logical name in the program.
        id: its id in AWS, as the provider has it.
        parent: the logical name of its component.
    """

    type: str
    name: str
    id: str
    parent: str
