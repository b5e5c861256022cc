"""Finds what would make the next deploy fail, and what the deployer should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_config.format.errors import AccessDeniedError, Finding
from model_config.format.names import model_path, parse, release_name, rollout_name
from model_config.format.text import plural
from model_config.operate.keys_and_policies import KeysAndPolicies
from model_config.operate.promotion import not_promoted
from model_config.operate.record import document_of, under_way, why_it_stays
from model_config.operate.release_findings import ended_elsewhere, running_out
from model_config.operate.releases import Releases, read_releases
from model_config.operate.ssm import ListedParameter, Ssm, released_models
from model_config.plan.aws import MAX_PARAMETERS
from model_config.plan.settings import Settings

#: An error makes the next deploy fail, a warning a later one; a notice is only information.
Level: TypeAlias = Literal["error", "warning", "notice"]
Listed: TypeAlias = Mapping[str, ListedParameter]

_TAKEN = (
    "if a deploy of this stack was interrupted, `model-config recover`. Otherwise another stack "
    "deploys the environment: give this one another model-config:environment, or share it with "
    "model-config:models and model-config:kmsKeyArn"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding of a check, with its level."""

    level: Level
    finding: Finding


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a check, and the models that have a release."""

    deployed: AbstractSet[str]
    checked: list[Checked]


def check_environment(
    ssm: Ssm,
    path: str,
    planned: Mapping[str, AbstractSet[str]] | None,
    *,
    first_deploy: bool = False,
    settings: Settings | None = None,
) -> Report:
    """Return what would make an environment's next deploy fail, and what the deployer should know.

    Needs `ssm:DescribeParameters`, `ssm:GetParameterHistory` on the releases and
    `ssm:GetParameters` on the rollouts; optionally `iam:GetAccountSummary`, and for names that are
    taken `kms:DescribeKey`, `iam:GetPolicy` and `iam:GetPolicyVersion`.

    `planned` has the names of each model's parameters that the next deploy writes, without the
    release; None without a project. `settings` are the stack's, to find names that are taken.
    """
    account = ssm.everything()
    listed = {name: each for name, each in account.items() if name.startswith(f"{path}/")}
    deployed = set(released_models(listed, path))
    checked = list(_check_place(ssm.region, path, deployed, planned, first_deploy=first_deploy))
    if planned is not None:
        interrupted = {each.where: each for each in _interrupted(listed, path, planned)}
        checked += [Checked("notice", finding) for finding in interrupted.values()]
        checked += _check_models(deployed, planned.keys() - interrupted.keys(), planned.keys())
        checked += _check_tiers(account, path, planned)
        checked += _check_parameters(account, planned)
        new = sorted(planned.keys() - deployed)
        if new or first_deploy:
            aws = KeysAndPolicies(ssm.region)
            checked += _check_policies(aws, len(new)) if new else ()
            if settings:
                checked += taken_names(aws, settings, new, first_deploy=first_deploy)
    rollouts = {rollout_name(model_path(path, model)) for model in deployed} & listed.keys()
    texts = ssm.texts(sorted(rollouts))
    fix = "allow ssm:GetParameters on them, or see `model-config rollout status`"
    checked += [_notice("the rollouts", problem, fix) for problem in ssm.problems]

    def read(model: str) -> Releases:
        return read_releases(ssm, path, model, documents=False)

    for releases in ssm.map(read, sorted(deployed), "Reading releases"):
        is_own = planned is None or releases.model in planned
        checked += _check_releases(releases, texts.get(rollout_name(releases.path)), is_own=is_own)
    return Report(deployed, checked)


def _check_place(
    region: str,
    path: str,
    deployed: AbstractSet[str],
    planned: Mapping[str, object] | None,
    *,
    first_deploy: bool,
) -> Iterator[Checked]:
    """Yield an error if nothing of this project was found: a check of nothing must not succeed."""
    own = deployed if planned is None else deployed & planned.keys()
    if own or first_deploy:
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


def _check_tiers(
    account: Listed, path: str, planned: Mapping[str, AbstractSet[str]]
) -> Iterator[Checked]:
    for model, names in sorted(planned.items()):
        for name in sorted({*names, release_name(model_path(path, model))} & account.keys()):
            if account[name].tier == "Advanced":
                yield _error(
                    model,
                    f"{name} is an Advanced parameter, and a deploy writes Standard ones",
                    "deploy to another model-config:environment and move the readers there; or, if "
                    f"its history may go, `aws ssm delete-parameter --name {name}` and deploy",
                    "AWS never makes an Advanced parameter Standard (SSM user guide, Managing "
                    "parameter tiers)",
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
    elif len(standard) + len(new) > 0.8 * MAX_PARAMETERS:
        yield Checked(
            "warning",
            Finding(
                "the account",
                f"with the next deploy it holds {len(standard) + len(new):,} of "
                f"{MAX_PARAMETERS:,} Standard parameters in this region",
                "delete parts that no release needs with `model-config prune`, and other unneeded "
                "parameters",
                "the quota of an account and region (AWS quotas)",
            ),
        )


def _check_policies(aws: KeysAndPolicies, new: int) -> Iterator[Checked]:
    """Yield an error if new models' reader policies would exceed IAM's quota."""
    try:
        policies, quota = aws.policy_count()
    except AccessDeniedError:
        fix = "allow iam:GetAccountSummary, or count them: `aws iam get-account-summary`"
        yield _notice("the account", "IAM's policies were not counted: access was denied", fix)
        return
    if policies + new > quota:
        yield _error(
            "the account",
            f"it holds {policies:,} managed policies, and the next deploy creates {new:,} more",
            "delete unneeded policies, or ask AWS for a higher quota",
            f"{quota:,} customer-managed policies in this account (IAM quotas)",
        )


def taken_names(
    aws: KeysAndPolicies, settings: Settings, new_models: Sequence[str], *, first_deploy: bool
) -> Iterator[Checked]:
    """Yield names that a deploy creates and that are taken, as far as permissions allow."""
    with suppress(AccessDeniedError):
        if first_deploy and not settings.kms_key_arn and aws.key(settings.key_alias):
            unique = "an alias is unique in an account and region"
            yield _error(settings.key_alias, "the alias already exists", _TAKEN, unique)
    if not new_models:
        return
    account = aws.account()
    for name in (settings.policy_name(model, account.region) for model in new_models):
        with suppress(AccessDeniedError):
            if aws.policy(account.policy_arn(name)) is not None:
                unique = "a policy's name is unique in an account"
                yield _error(name, "the reader policy already exists", _TAKEN, unique)


def _interrupted(
    listed: Listed, path: str, planned: Mapping[str, AbstractSet[str]]
) -> Iterator[Finding]:
    """Yield models whose parameters an interrupted deploy wrote, but not their release.

    SSM alone doesn't tell whether the stack's state has the parameters; `recover` compares the two.
    """
    for model, names in sorted(planned.items()):
        release = listed.get(release_name(model_path(path, model)))
        there = [listed[name] for name in sorted(names & listed.keys())]
        if written := [each.name for each in there if _is_ahead(each, release, path)]:
            where = "newer than its newest release" if release else "and no release"
            others = " and others" if len(written) > 1 else ""
            yield Finding(
                model,
                f"it has {plural(len(written), 'parameter')} {where}: {written[0]}{others}",
                f"`model-config recover --environment {path.rpartition('/')[2]}` before the next "
                "deploy: it adopts those that the stack's state lacks",
                "a deploy that was killed leaves such parameters, and the next one fails with "
                "ParameterAlreadyExists",
            )


def _is_ahead(parameter: ListedParameter, release: ListedParameter | None, path: str) -> bool:
    """Return whether a parameter was written for a release that was not."""
    kind = parse(parameter.name, path).kind
    if release is None:
        return kind != "release part"  # parts remain when their model is deleted
    # A later version existed before. A change of a secret or a rollout creates no release.
    return kind == "value" and parameter.version == 1 and parameter.at > release.at


def _check_releases(
    releases: Releases, rollout_text: str | None, *, is_own: bool
) -> Iterator[Checked]:
    document = document_of(rollout_text)
    rollout = under_way(document, releases)
    for deploys_left, finding in running_out(releases, document):
        yield Checked("error" if deploys_left <= 0 else "warning", finding)
    for finding in ended_elsewhere(releases, document):
        yield Checked("warning", finding)
    if is_own and (problem := not_promoted(releases, document)):
        yield _notice(releases.model, problem, f"`model-config promote {releases.place}`")
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
