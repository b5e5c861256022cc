"""One model as stored in SSM: its releases, and which of its values are worth a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

from model_config.format.errors import ReleaseError, StoreError, StoreUnavailableError
from model_config.format.names import Kind, parse, release_part
from model_config.operate.drift.parameters import (
    Content,
    Contents,
    ListedParameter,
    NoText,
    contents_of,
    only_deploys_wrote,
)
from model_config.operate.inventory import Inventory
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases, read_releases
from model_config.plan.planned_model import PlannedModel

_OF_FIELDS = {"value", "secret"}


@dataclass(frozen=True)
class DeployedModel:
    """A model of the program, and what SSM has of it.

    Attributes:
        planned: the model in the program.
        releases: its releases, or None if there are none or they can't be read.
        listed: all parameters below its path.
    """

    planned: PlannedModel
    releases: Releases | None
    listed: Mapping[str, tuple[Kind, ListedParameter]]

    @property
    def known(self) -> bool:
        """Whether the newest release could be read, or there is no release."""
        if self.releases:
            return self.releases.newest.content is not None
        return self.planned.release_name not in self.listed

    @cached_property
    def program(self) -> dict[str, Content]:
        """The program's content of each parameter."""
        return {
            each.name: each.content if isinstance(each.content, str) else NoText.SECRET
            for each in self.planned.parameters
        }

    @cached_property
    def values(self) -> dict[str, ListedParameter]:
        """The values, the secrets, and any other parameters below its path."""
        return {name: each for name, (kind, each) in self.listed.items() if kind in _OF_FIELDS}

    @cached_property
    def released(self) -> dict[str, Content]:
        """The newest release's content of each parameter."""
        return self._contents(self.releases.newest) if self.releases else {}

    def to_read(self) -> set[str]:
        """Return the names of the values to compare, without secrets and unmanaged parameters."""
        both = self.program, self.released
        return {
            name
            for name in self.values
            if {type(each[name]) for each in both if name in each} == {str}
        }

    def written_since(self) -> set[str]:
        """Return those of `to_read` that were written after the newest release."""
        if self.releases is None:
            return self.to_read()
        at = self.releases.newest.at
        return {name for name in self.to_read() if self.values[name].at > at}

    def doubtful(self) -> set[str]:
        """Return those of `to_read` that somebody other than a deploy may have written."""
        opened: list[tuple[PastRelease, Contents]] = []
        for release in self.releases or ():
            if not self._is_worth_opening(release) or release.problem:
                break
            opened.append((release, self._contents(release)))
        whole = bool(opened) and opened[-1][0].number == 1
        return {
            name
            for name in self.to_read()
            if not only_deploys_wrote(self.values[name], opened, whole=whole)
        }

    def ssm(self, texts: Mapping[str, str], asked: AbstractSet[str]) -> dict[str, Content]:
        """Return each parameter's content in SSM, without those that could not be read.

        Args:
            texts: the values that were read.
            asked: the names that were requested. All others equal their release.
        """
        released, contents = self.released, dict[str, Content]()
        for name in self.values:
            if name not in asked:
                contents[name] = released.get(name, self.program.get(name, NoText.UNREAD))
            elif name in texts:
                contents[name] = texts[name]
        return contents

    def former(self) -> set[str]:
        """Return the names in older releases, if there is a parameter that they may explain."""
        if self.values.keys() <= self.program.keys():
            return set()
        older = list(self.releases or ())[1:]
        worth_opening = filter(self._is_worth_opening, older)
        return {name for release in worth_opening for name in self._contents(release)}

    def unneeded_parts(self) -> Iterator[ListedParameter]:
        """Yield parts of releases that no release in the history names."""
        parts = {name: each for name, (kind, each) in self.listed.items() if kind == "release part"}
        needed: set[str] = set()
        try:
            for release in self.releases or () if parts else ():
                names = (release_part(self.planned.path, part) for part in release.part_hashes)
                needed.update(names)
        except ReleaseError:  # it is unknown which parts it needs
            return
        yield from (each for name, each in parts.items() if name not in needed)

    def _contents(self, release: PastRelease) -> dict[str, Content]:
        known = self.listed.keys() | self.program.keys()
        return contents_of(release.content, self.planned.path, known) if release.content else {}

    def _is_worth_opening(self, release: PastRelease) -> bool:
        """Return whether a release costs no request, or is in use."""
        is_newest = self.releases is not None and release is self.releases.newest
        return is_newest or bool(release.labels) or not _is_in_parts(release)


def _is_in_parts(release: PastRelease) -> bool:
    try:
        return bool(release.part_hashes)
    except ReleaseError:
        return False


def read_model(
    inventory: Inventory,
    planned: PlannedModel,
    listed: Mapping[str, ListedParameter],
    *,
    documents: bool,
) -> DeployedModel:
    """Return one model. A history that is denied is added to the inventory's problems.

    Without `documents`, only the newest of its releases is expected to be opened.

    Raises:
        StoreUnavailableError: AWS is unavailable.
    """
    path = planned.path.rpartition("/")[0]
    kinds = {key: (parse(key, path).kind, each) for key, each in listed.items()}
    # An older release may explain a parameter that the program doesn't have.
    in_program = {each.name for each in planned.parameters}
    is_strange = any(
        kind == "release part" or (kind in _OF_FIELDS and key not in in_program)
        for key, (kind, _) in kinds.items()
    )
    releases = None
    if planned.release_name in listed:
        try:
            found = read_releases(inventory, path, planned.name, documents=documents or is_strange)
            found.newest.content  # noqa: B018 - fails here if it is denied
            releases = found
        except StoreUnavailableError:
            raise
        except StoreError as error:
            inventory.problems.append(str(error))
    return DeployedModel(planned, releases, kinds)
