"""One model as stored in SSM: its releases, and which of its values are worth a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

from model_config.format.errors import ReleaseError, StoreError, StoreUnavailableError
from model_config.format.names import Kind, parse
from model_config.operate.inventory import Inventory
from model_config.operate.parameters import (
    Content,
    Contents,
    ListedParameter,
    NoText,
    contents_of,
    only_deploys_wrote,
)
from model_config.operate.past_release import PastRelease
from model_config.operate.releases import Releases, read_releases

_OF_FIELDS = {"value", "secret"}


@dataclass(frozen=True)
class DeployedModel:
    """A model of the program, of SSM, or of both.

    Attributes:
        base: its path in SSM.
        program: the program's content of each parameter; empty if it has no such model.
        releases: its releases, or None if there are none or they can't be read.
        known: whether the newest release could be read, or there is no release.
        listed: all parameters below its path.
    """

    name: str
    base: str
    program: Contents
    releases: Releases | None
    known: bool
    listed: Mapping[str, tuple[Kind, ListedParameter]]

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

    def written_since(self, names: Iterable[str]) -> set[str]:
        """Return the names of the values that were written after the newest release."""
        if self.releases is None:
            return set(names)
        at = self.releases.newest.at
        return {name for name in names if self.values[name].at > at}

    def doubtful(self, names: Iterable[str]) -> set[str]:
        """Return the names of the values that somebody other than a deploy may have written."""
        opened: list[tuple[PastRelease, Contents]] = []
        for release in self.releases or ():
            if not self._is_worth_opening(release) or release.problem:
                break
            opened.append((release, self._contents(release)))
        whole = bool(opened) and opened[-1][0].number == 1
        values = self.values
        return {name for name in names if not only_deploys_wrote(values[name], opened, whole=whole)}

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
                needed.update(release.part_names)
        except ReleaseError:  # it is unknown which parts it needs
            return
        yield from (each for name, each in parts.items() if name not in needed)

    def _contents(self, release: PastRelease) -> dict[str, Content]:
        known = self.listed.keys() | self.program.keys()
        return contents_of(release.content, self.base, known) if release.content else {}

    def _is_worth_opening(self, release: PastRelease) -> bool:
        """Return whether a release costs no request, or is in use."""
        is_newest = self.releases is not None and release is self.releases.newest
        return is_newest or bool(release.labels) or not _is_in_parts(release)


def _is_in_parts(release: PastRelease) -> bool:
    try:
        return bool(release.part_names)
    except ReleaseError:
        return False


def read_model(  # noqa: PLR0913 - what is known of one model
    inventory: Inventory,
    path: str,
    name: str,
    program: Contents,
    listed: Mapping[str, ListedParameter],
    *,
    documents: bool = True,
) -> DeployedModel:
    """Return one model. A history that is denied is added to the inventory's problems.

    Args:
        inventory: reads SSM.
        path: the environment's path.
        name: the model.
        program: the program's content of it.
        listed: its parameters in SSM.
        documents: whether all of its releases will be opened, or only the newest.

    Raises:
        StoreUnavailableError: AWS is unavailable.
    """
    kinds = {key: (parse(key, path).kind, each) for key, each in listed.items()}
    has_release = any(kind == "release" for kind, _ in kinds.values())
    # An older release may explain a parameter that the program doesn't have.
    is_strange = any(
        kind == "release part" or (kind in _OF_FIELDS and key not in program)
        for key, (kind, _) in kinds.items()
    )
    releases, is_readable = None, False
    if has_release:
        try:
            releases = read_releases(inventory, path, name, documents=documents or is_strange)
            is_readable = releases.newest.content is not None
        except StoreUnavailableError:
            raise
        except StoreError as error:
            inventory.problems.append(str(error))
            releases = None
    known = not has_release or is_readable
    return DeployedModel(name, f"{path}/{name}", program, releases, known, kinds)
