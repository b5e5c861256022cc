"""One model as SSM holds it: its releases, and which of its values are worth a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from model_config.format.errors import ReleaseError, StoreError, StoreUnavailableError
from model_config.format.release import part_names
from model_config.operate.drift_states import RELEASE
from model_config.operate.inventory import Inventory
from model_config.operate.listed import Held, Mark, PastRelease, Side, Texts, texts_of, vouched
from model_config.reader.source import Stored


@dataclass(frozen=True, slots=True)
class DeployedModel:
    """A model of the program, of SSM, or of both.

    Attributes:
        base: its path in SSM.
        program: what the program says of each parameter; nothing where it has no such model.
        past: its releases, newest first.
        known: whether the newest release could be read, or there is none.
        values: the parameters below its path: values, secrets, and what else stands there.
        own: the release's parameter and the parts of releases.
    """

    name: str
    base: str
    program: Texts
    past: list[PastRelease]
    known: bool
    values: Mapping[str, Held]
    own: Mapping[str, Held]

    def texts(self, release: PastRelease) -> dict[str, Side]:
        """Return what a release says of each parameter; nothing where it wasn't opened."""
        known = self.values.keys() | self.program.keys()
        return texts_of(release.content, self.base, known) if release.content else {}

    @property
    def released(self) -> dict[str, Side]:
        """What the newest release says of each parameter."""
        return self.texts(self.past[0]) if self.past else {}

    def to_read(self) -> set[str]:
        """Return the names of the values to compare: no secret's, and nobody else's."""
        sides = self.program, self.released
        return {
            name
            for name in self.values
            if {type(side[name]) for side in sides if name in side} == {str}
        }

    def doubtful(self, names: Iterable[str]) -> set[str]:
        """Return the names of those that somebody other than a deploy may have written."""
        opened: list[tuple[PastRelease, Texts]] = []
        for release in self.past:
            if release.content is None:
                break
            opened.append((release, self.texts(release)))
        whole = bool(opened) and opened[-1][0].number == 1
        return {name for name in names if not vouched(self.values[name], opened, whole=whole)}

    def ssm(self, texts: Mapping[str, str], asked: AbstractSet[str]) -> dict[str, Side]:
        """Return what SSM holds of each parameter, without those that could not be read.

        Args:
            texts: the values that were read.
            asked: the names that were asked for. Any other is as its release has it.
        """
        released, held = self.released, dict[str, Side]()
        for name in self.values:
            if name not in asked:
                held[name] = released.get(name, self.program.get(name, Mark.UNREAD))
            elif name in texts:
                held[name] = texts[name]
        return held

    def former(self) -> set[str]:
        """Return the names that an older release has, where there is something to explain."""
        if self.values.keys() <= self.program.keys():
            return set()
        return {name for release in self.past[1:] for name in self.texts(release)}

    def unneeded_parts(self) -> Iterator[Held]:
        """Yield parts of releases that no release in the history names."""
        needed = {f"{self.base}/{RELEASE}"}
        try:
            for release in self.past:
                needed.update(part_names(release.text))
        except ReleaseError:  # whatever it needs isn't known
            return
        yield from (held for name, held in self.own.items() if name not in needed)


def look(
    inventory: Inventory, path: str, name: str, program: Texts, held: Mapping[str, Held]
) -> DeployedModel:
    """Return one model; if its history is denied, that is noted as a problem.

    Args:
        inventory: what asks SSM.
        path: where the environment stands.
        name: the model.
        program: what the program says of it.
        held: what SSM lists for the environment.

    Raises:
        StoreUnavailableError: AWS can't be asked.
    """
    base = f"{path}/{name}"
    release = f"{base}/{RELEASE}"
    below = {key: each for key, each in held.items() if key.startswith(f"{base}/")}
    own = {
        key: each
        for key, each in below.items()
        if key == release or key.startswith(f"{release}/parts/")
    }
    past: list[PastRelease] = []
    if release in held:
        try:
            past = list(_past(inventory, release, name, path.rpartition("/")[2]))
        except StoreUnavailableError:
            raise
        except StoreError as error:
            inventory.problems.append(str(error))
    known = release not in held or bool(past and past[0].content)
    values = {key: each for key, each in below.items() if key not in own}
    return DeployedModel(name, base, program, past, known, values, own)


def _past(
    inventory: Inventory, release: str, model: str, environment: str
) -> Iterator[PastRelease]:
    """Yield the releases, newest first; of those in parts only the ones in use are opened."""
    versions = inventory.history(release, decrypt=True)
    for version in reversed(versions):
        text, labels = version["Value"], tuple(version.get("Labels", ()))
        number, at = version["Version"], version["LastModifiedDate"]
        content = problem = None
        try:
            if version is versions[-1] or labels or not part_names(text):
                stored = Stored(release, number, text)
                content = inventory.open_release(stored, model, environment)
        except ReleaseError as error:
            problem = str(error)
        by = version.get("LastModifiedUser", "")
        yield PastRelease(number, at, by, labels, text, content, problem)
