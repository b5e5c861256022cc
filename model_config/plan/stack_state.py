"""A stack's state, as far as it matters here, and what it may lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PARAMETER = "aws:ssm/parameter:Parameter"
KEY, ALIAS = "aws:kms/key:Key", "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"


@dataclass(frozen=True, slots=True)
class StackState:
    """What a stack's state holds.

    Attributes:
        ids: the ids of its resources, by type.
        urns: the URN of each component, by its name.
        pending: the operations that were under way when a deploy died: what it did, and the URN.
    """

    ids: Mapping[str, frozenset[str]]
    urns: Mapping[str, str]
    pending: Sequence[tuple[str, str]]

    def has(self, kind: str, id_: str) -> bool:
        """Tell whether the state has a resource."""
        return id_ in self.ids.get(kind, frozenset())


@dataclass(frozen=True, slots=True)
class Adoption:
    """A resource that the state is to know: as `pulumi import` takes it.

    Attributes:
        type: its type, "aws:ssm/parameter:Parameter".
        name: its logical name in the program.
        id: what AWS knows it by.
        parent: the logical name of its component.
    """

    type: str
    name: str
    id: str
    parent: str
