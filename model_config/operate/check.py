"""Finds what would make the next deploy fail, and what the deployer should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_config.format.errors import AccessDeniedError, Finding
from model_config.format.names import model_path, rollout_name
from model_config.operate.clients import ask, aws_client
from model_config.operate.drift.parameters import ListedParameter
from model_config.operate.half_written import half_written
from model_config.operate.inventory import Inventory, released_models
from model_config.operate.made_resources import MadeResources
from model_config.operate.name_collisions import taken_names
from model_config.operate.releases.findings import running_out
from model_config.operate.releases.releases import Releases, read_releases
from model_config.operate.rollouts.parameter import document_of, under_way, why_it_stays
from model_config.plan.limits import MAX_PARAMETERS
from model_config.plan.settings import Settings

#: An error makes the next deploy fail, a warning a later one; a notice is only information.
Level: TypeAlias = Literal["error", "warning", "notice"]
Listed: TypeAlias = Mapping[str, ListedParameter]


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding of a check, with its level."""

    level: Level
    finding: Finding


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, and the models that have a release."""

    deployed: AbstractSet[str]
    found: list[Checked]


def check_environment(
    inventory: Inventory,
    path: str,
    planned: Mapping[str, AbstractSet[str]] | None,
    *,
    first_deploy: bool = False,
    settings: Settings | None = None,
) -> Report:
    """Return what would make an environment's next deploy fail, and what the deployer should know.

    Needs `ssm:DescribeParameters`, `ssm:GetParameterHistory` on the releases and
    `ssm:GetParameters` on the rollouts; optionally `iam:GetAccountSummary`.

    Args:
        inventory: reads SSM.
        path: the environment's path, "/ai/prod".
        planned: the names of the Standard parameters of each model that the next deploy writes;
            None without a project.
        first_deploy: whether none of them is expected to be deployed yet.
        settings: the stack's settings, to find names that are taken; None to skip this.

    Raises:
        StoreError: AWS is unavailable or refuses.
    """
    account = inventory.everything()
    listed = {name: each for name, each in account.items() if name.startswith(f"{path}/")}
    deployed = set(released_models(listed, path))
    found = list(_check_place(inventory.region, path, deployed, planned, first_deploy=first_deploy))
    if planned is not None:
        half = {each.where: each for each in half_written(listed, path, planned)}
        found += [Checked("notice", finding) for finding in half.values()]
        found += _check_models(deployed, planned.keys() - half.keys(), planned.keys())
        found += _check_parameters(account, planned)
        new = sorted(planned.keys() - deployed)
        found += _check_policies(len(new))
        if settings:
            made = MadeResources(inventory.region)
            taken = taken_names(made, settings, new, first_deploy=first_deploy)
            found += [Checked("error", finding) for finding in taken]
    rollouts = {rollout_name(model_path(path, model)) for model in deployed} & listed.keys()
    texts = inventory.texts(sorted(rollouts))
    fix = "allow ssm:GetParameters on them, or see `model-config rollout status`"
    found += [_notice("the rollouts", problem, fix) for problem in inventory.problems]
    for model in inventory.watch(sorted(deployed), "Reading releases", len(deployed)):
        releases = read_releases(inventory, path, model, documents=False)
        found += _check_releases(releases, texts.get(rollout_name(model_path(path, model))))
    return Report(deployed, found)


def _check_place(
    region: str,
    path: str,
    deployed: AbstractSet[str],
    planned: Mapping[str, object] | None,
    *,
    first_deploy: bool,
) -> Iterator[Checked]:
    """Yield an error if nothing of this project was found: a check of nothing must not succeed."""
    found = deployed if planned is None else deployed & planned.keys()
    if found or first_deploy:
        return
    others = f"; other models have releases: {', '.join(sorted(deployed))}" if deployed else ""
    whose = "" if planned is None else " of this project's models"
    yield _error(
        path,
        f"there is no release{whose} below {path} in this account and {region}{others}",
        "check the environment, the prefix, the region and the credentials; if this is the first "
        "deploy, add --first-deploy",
        "a check in the wrong place has no findings",
    )


def _check_models(
    deployed: AbstractSet[str], whole: AbstractSet[str], planned: AbstractSet[str]
) -> Iterator[Checked]:
    for model in sorted(whole - deployed):
        yield _notice(model, "it is not deployed yet", "nothing: the next deploy creates it")
    for model in sorted(deployed - planned):
        yield _notice(
            model,
            "it has a release, but no module in this project",
            "nothing, if another project deploys it. If this project did, the next deploy deletes "
            "it with its history: move its readers first",
        )


def _check_parameters(
    account: Listed, planned: Mapping[str, AbstractSet[str]]
) -> Iterator[Checked]:
    standard = {name for name, each in account.items() if each.tier != "Advanced"}
    new = {name for names in planned.values() for name in names} - account.keys()
    if len(standard) + len(new) > MAX_PARAMETERS:
        yield _error(
            "the account",
            f"it holds {len(standard):,} Standard parameters in this region, and the next deploy "
            f"creates {len(new):,} more",
            "delete unneeded parameters, or deploy to another account or region",
            f"{MAX_PARAMETERS:,} Standard parameters in an account and region (AWS quotas)",
        )


def _check_policies(new: int) -> Iterator[Checked]:
    """Yield an error if new models' reader policies would exceed IAM's quota."""
    if not new:
        return
    try:
        summary = ask(aws_client("iam", None), "iam:GetAccountSummary", "the account")
    except AccessDeniedError:
        fix = "allow iam:GetAccountSummary, or count them: `aws iam get-account-summary`"
        yield _notice("the account", "IAM's policies were not counted: access was denied", fix)
        return
    policies, quota = summary["SummaryMap"]["Policies"], summary["SummaryMap"]["PoliciesQuota"]
    if policies + new > quota:
        yield _error(
            "the account",
            f"it holds {policies:,} managed policies, and the next deploy creates {new:,} more",
            "delete unneeded policies, or ask AWS for a higher quota",
            f"{quota:,} customer-managed policies in this account (IAM quotas)",
        )


def _check_releases(releases: Releases, rollout_text: str | None) -> Iterator[Checked]:
    document = document_of(rollout_text)
    rollout = under_way(document, releases)
    for each in running_out(releases, rollout):
        yield Checked("error" if each.deploys_left <= 0 else "warning", each.finding)
    place = f"--environment {releases.environment}"
    for label in releases.held:
        yield _notice(
            releases.model,
            why_it_stays(label, document, releases),
            "no pipeline moves it. To resolve this: "
            f"`model-config promote {releases.model} --label {label} {place}`",
        )
    if rollout:
        yield _notice(
            releases.model,
            f"a rollout of release {rollout.release} to {rollout.label} is under way",
            "no pipeline promotes another release until it ends. See "
            f"`model-config rollout status {releases.model} {place}`",
        )


def _error(where: str, problem: str, fix: str, reason: str = "") -> Checked:
    return Checked("error", Finding(where, problem, fix, reason))


def _notice(where: str, problem: str, fix: str) -> Checked:
    return Checked("notice", Finding(where, problem, fix))
