"""What an environment's SSM holds, against its releases and the program.

Listing costs a request for 50 parameters, a model's history one for 50 releases, reading values one
for ten. So values are read last, and where there are many, only those that somebody other than a
deploy may have written. Secrets are never read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from model_config.format.errors import Finding, StoreError, StoreUnavailableError
from model_config.operate.deployed_model import DeployedModel, look
from model_config.operate.drift_states import (
    RELEASE,
    Difference,
    Sides,
    check_attributes,
    compare,
    stranger,
)
from model_config.operate.inventory import Inventory
from model_config.operate.label_findings import label_findings
from model_config.operate.listed import Held, Mark, Texts
from model_config.reader.store import BATCH

#: Requests up to which every value is read, whatever its version says: ours.
ENOUGH = 110


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the program says of a model: its parameters' texts, and its release's document."""

    texts: Texts
    document: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found.

    Attributes:
        differences: what is not the same everywhere.
        findings: labels and histories that will make trouble.
        problems: what could not be read, and so was not compared.
        parameters: how many SSM lists.
        on_trust: how many values were not read, since their versions say that only deploys have
            written them.
    """

    differences: list[Difference]
    findings: list[Finding]
    problems: list[str]
    parameters: int
    on_trust: int


def find_drift(
    inventory: Inventory,
    path: str,
    program: Mapping[str, Wanted],
    key_alias: str,
    *,
    read_all: bool = False,
) -> Drift:
    """Compare an environment three ways.

    Args:
        inventory: what asks SSM.
        path: where the environment stands, "/ai/prod".
        program: what it says of each model.
        key_alias: the alias of the key that encrypts all of it.
        read_all: read every value, however many there are.

    Raises:
        StoreError: the parameters can't be listed, or AWS can't be asked.
    """
    held = inventory.below(path)
    keys = _keys(inventory, key_alias) if held else frozenset()
    names = {name.split("/")[-2] for name in held if _is_release(name, path)} | program.keys()
    nothing = Wanted({}, "")
    models = [
        look(inventory, path, name, program.get(name, nothing).texts, held)
        for name in inventory.watch(sorted(names), "Reading releases", len(names))
    ]
    to_read = {model.name: model.to_read() for model in models}
    count = sum(map(len, to_read.values()))
    if not read_all and inventory.requests + count / BATCH > ENOUGH:
        to_read = {model.name: model.doubtful(to_read[model.name]) for model in models}
    asked = {name for wanted in to_read.values() for name in wanted}
    texts = inventory.texts(sorted(asked))

    differences = list(_strangers(path, held, names))
    findings: list[Finding] = []
    for model in models:
        differences += _of_model(model, program.get(model.name), texts, asked, keys)
        findings += label_findings(model.name, f"{model.base}/{RELEASE}", model.past, held)
    return Drift(differences, findings, inventory.problems, len(held), count - len(asked))


def _keys(inventory: Inventory, alias: str) -> AbstractSet[str]:
    try:
        return inventory.key_names(alias)
    except StoreUnavailableError:
        raise
    except StoreError as error:
        inventory.problems.append(f"{error} So no parameter's key was compared.")
        return frozenset()


def _is_release(name: str, path: str) -> bool:
    below = name.removeprefix(f"{path}/").split("/")
    return below[1:] == [RELEASE]


def _of_model(
    model: DeployedModel,
    wanted: Wanted | None,
    texts: Mapping[str, str],
    asked: AbstractSet[str],
    keys: AbstractSet[str],
) -> Iterator[Difference]:
    released = model.released if model.known else None
    values = compare(
        model.base,
        model.program,
        released,
        model.ssm(texts, asked),
        held=model.values,
        former=model.former(),
    )
    yield from values
    strangers = {each.path for each in values if each.state in {"foreign", "left over"}}
    for name, each in {**model.values, **model.own}.items():
        if (below := name.removeprefix(f"{model.base}/")) not in strangers:
            yield from check_attributes(model.name, below, each, keys)
    for each in model.unneeded_parts():
        below = each.name.removeprefix(f"{model.base}/")
        yield stranger(model.name, below, "left over", each)
    if not values and model.known and wanted:
        yield from _release(model, wanted.document)


def _release(model: DeployedModel, document: str) -> Iterator[Difference]:
    """Yield that the release is another one, where all values are the same."""
    stored = model.past[0].text if model.past else None
    if stored != document:
        release = _head(stored) if stored else Mark.ABSENT
        sides = Sides(_head(document), release, release)
        yield Difference(model.name, RELEASE, "not deployed", "document", sides, None)


def _head(document: str) -> str:
    return " ".join(str(json.loads(document)[key]) for key in ("schema", "digest"))


def _strangers(
    path: str, held: Mapping[str, Held], models: AbstractSet[str]
) -> Iterator[Difference]:
    """Yield what stands below the path and belongs to no model."""
    for name, each in sorted(held.items()):
        model, _, below = name.removeprefix(f"{path}/").rpartition("/")
        if model.partition("/")[0] not in models:
            yield stranger(model, below, "foreign", each)
