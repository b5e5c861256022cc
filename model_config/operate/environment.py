"""An environment in one region, and the state of a model in it: releases, labels, rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import zip_longest

from model_config.format import errors, names
from model_config.format import rollout as rollout_format
from model_config.format.rollout import RolloutDocument
from model_config.operate import record
from model_config.operate.releases import Releases, read_releases
from model_config.operate.ssm import ListedParameter, Ssm, released_models
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader

#: Locks the local AWS while it is read, and yields a stamp that differs after any change; None on
#: AWS, where changes can't be detected.
Hold = Callable[[], AbstractContextManager[object]]

_EMPTY = RolloutDocument()


class OverwrittenError(errors.StoreError):
    """The write has replaced a concurrent change by somebody else."""

    def __init__(self, message: str, written: State) -> None:
        super().__init__(message)
        self.written = written


class State:
    """A model in an environment: its releases with their labels, and its rollout document.

    The document is empty if there is none or it can't be used: then `problem` says why. `version`
    is the rollout parameter's, or 0 if it doesn't exist or is denied.
    """

    def __init__(
        self,
        releases: Releases,
        document: RolloutDocument = _EMPTY,
        version: int = 0,
        problem: errors.ModelConfigError | None = None,
    ) -> None:
        self.releases, self.document = releases, document
        self.version, self.problem = version, problem
        self.can_be_written = version > 0 and problem is None
        rollout = document.rollout
        is_under_way = rollout and releases.on(rollout.label) == rollout.before
        #: The rollout under way. A move of its label has ended it for readers.
        self.under_way = rollout if is_under_way else None

    @property
    def left_over(self) -> str | None:
        """What is wrong with a rollout that another tool's move of its label has ended."""
        rollout = self.document.rollout
        if rollout is None or self.under_way:
            return None
        on = self.releases.on(rollout.label)
        return (
            f"another tool moved {rollout.label} from release {rollout.before} to "
            f"{f'release {on}' if on else 'none'} during a rollout of release {rollout.release}, "
            f"which begins again when {rollout.label} returns to release {rollout.before}"
        )

    @property
    def interrupted(self) -> str | None:
        """The label whose promotion was interrupted between its two requests.

        It leaves `-previous` beside the label, as a hold does. The record tells the two apart: it
        says that a promotion was the label's last move. If it doesn't, the label counts as held.
        """
        moved, together, held = self.document.moved, self.document.together, self.releases.held
        if together and together.pending and together.label in held:
            return together.label if self.releases.on(together.label) == together.before else None
        if moved is None or moved.held is not False or moved.label not in held:
            return None
        return moved.label if self.releases.on(moved.label) == moved.release else None

    def is_held(self, label: str) -> bool:
        moved, on = self.document.moved, self.releases.on(label)
        is_recorded = moved and moved.held and (moved.label, moved.release) == (label, on)
        return bool(is_recorded) or label in self.releases.held

    def why_it_stays(self, label: str) -> str:
        on = self.releases.on(label)
        if label == self.interrupted:
            return f"a promotion of {label} from release {on} was interrupted"
        return f"{label} is held on release {on} by a rollback"


def state_of(releases: Releases, text: str | None, version: int = 0) -> State:
    """Return a model's state, given the text of its rollout parameter."""
    try:
        document = rollout_format.read_rollout(text) if text else _EMPTY
    except errors.RolloutError as error:
        return State(releases, _EMPTY, version, error)
    return State(releases, document, version)


def read_state(ssm: Ssm, releases: Releases) -> State:
    name = names.rollout_name(releases.path)
    try:
        parameter = ssm.get([name]).get(name)
    except errors.AccessDeniedError as error:
        return State(releases, problem=error)
    return state_of(releases, parameter.text, parameter.version) if parameter else State(releases)


def read_states(
    ssm: Ssm, path: str, models: Sequence[str], listed: Mapping[str, ListedParameter]
) -> dict[str, State | str]:
    """Return the state of each model that has a release, or why its releases can't be read.

    The newest releases and those with labels are read, ten in a request, for which `ssm` has to be
    a view. `listed` has the parameters of the environment's path.
    """

    def read(model: str) -> Releases | str:
        try:
            releases = read_releases(ssm, path, model, documents=False)
            releases.newest.digest  # noqa: B018 - fails here if it is denied
        except errors.StoreUnavailableError:
            raise
        except (errors.StoreError, errors.ModelNotFoundError) as error:
            return str(error)
        return releases

    newest = [names.release_name(names.model_path(path, model)) for model in models]
    ssm.texts([f"{name}:{listed[name].version}" for name in newest])
    releases = ssm.map(read, models, "Reading releases")
    readable = [it for it in releases if isinstance(it, Releases)]
    labelled = ([f"{it.name}:{n}" for n in sorted({*it.labels.values()})] for it in readable)
    for versions in zip_longest(*labelled):  # a request takes only one version of each parameter
        ssm.texts([version for version in versions if version])
    rollouts = [names.rollout_name(it.path) for it in readable]
    texts = ssm.texts([name for name in rollouts if name in listed])
    states = (
        it if isinstance(it, str) else state_of(it, texts.get(names.rollout_name(it.path)))
        for it in releases
    )
    return dict(zip(models, states, strict=True))


@dataclass(frozen=True, slots=True)
class Environment:
    name: str
    prefix: str
    ssm: Ssm
    stack: str = ""  #: Empty without a project.
    region: str | None = None  #: Only if the user named one.
    is_local: bool = False
    hold: Hold = nullcontext  #: The context in which it is read or changed.

    @property
    def path(self) -> str:
        return names.environment_path(self.prefix, self.name)

    @property
    def region_option(self) -> str:
        return f" --region {self.region}" if self.region else ""

    def where(self, model: str) -> str:
        """Return a model and its location for display: "chat in dev (eu-west-1)"."""
        return f"{model} in {self.name}{f' ({self.region})' if self.region else ''}"

    def configuration(
        self, model: str, label: str | None, release: int | None, *, secrets: bool = False
    ) -> Configuration:
        """Return a model's configuration, with its secrets locked unless requested."""
        reader = Reader(self.name, prefix=self.prefix, client=self.ssm.client, secrets=secrets)
        return reader.get(model, label=label, release=release)

    def models(self) -> list[str]:
        return released_models(self.ssm.below(self.path), self.path)

    def releases(self, model: str, *, documents: bool = True) -> Releases:
        return read_releases(self.ssm, self.path, model, documents=documents)

    def state(self, model: str) -> State:
        return read_state(self.ssm, self.releases(model, documents=False))

    def write(self, state: State, document: RolloutDocument) -> State:
        """Write a new document to a model's rollout parameter, and return what is stored now.

        SSM can't write conditionally, but the new version's number reveals a concurrent write: then
        OverwrittenError is raised. Raises RolloutError if the document is invalid.
        """
        text, name = rollout_format.write_rollout(document), names.rollout_name(state.releases.path)
        version = self.ssm.write_string(name, text)
        written = State(state.releases, document, version)
        between = range(state.version + 1, version)
        # A write whose answer was lost is repeated: the version before is then our own.
        if between and {self._version(name, number) for number in between} != {text}:
            raise OverwrittenError(
                f"somebody else wrote {name} at the same moment, and this change replaced theirs: "
                f"versions {between[0]} to {between[-1]} are theirs. See "
                f"`model-config history {state.releases.model}` and `model-config rollout status`",
                written,
            )
        return written

    def document_before(self, state: State) -> RolloutDocument:
        """Return the document one version ago, empty if there was none or it was invalid."""
        text = self._version(names.rollout_name(state.releases.path), state.version - 1)
        return record.document_of(text)

    def _version(self, name: str, version: int) -> str | None:
        parameter = self.ssm.get([f"{name}:{version}"]).get(name) if version > 0 else None
        return parameter.text if parameter else None
