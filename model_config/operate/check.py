"""Finds what would make the next deploy fail, and what the deployer should know."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from model_config.format.errors import AccessDeniedError, Finding
from model_config.format.names import ROLLOUT, model_path, parse, release_name, rollout_name
from model_config.format.text import plural
from model_config.operate.drift import contents_of, without_plan
from model_config.operate.environment import State, state_of
from model_config.operate.promotion import not_promoted
from model_config.operate.release_findings import running_out, unfinished
from model_config.operate.releases import Releases, read_releases
from model_config.operate.services import KeysAndPolicies
from model_config.operate.ssm import ListedParameter, Ssm, released_models
from model_config.plan.aws import MAX_PARAMETERS
from model_config.plan.project import NAMESPACE
from model_config.plan.settings import Settings

Listed: TypeAlias = Mapping[str, ListedParameter]
#: For each model the names of the parameters that a deploy writes, without the release.
Planned: TypeAlias = Mapping[str, AbstractSet[str]]

_TAKEN = (
    "if a deploy of this stack was interrupted, `model-config recover`. Otherwise another stack "
    "deploys the environment: give this one another model-config:environment, or share it with "
    "model-config:models and model-config:kmsKeyArn"
)


class Checked(NamedTuple):
    #: An error makes the next deploy fail, a warning a later one; a notice is only information.
    level: Literal["error", "warning", "notice"]
    where: str
    problem: str
    fix: str
    reason: str = ""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    deployed: AbstractSet[str]  #: The models that have a release.
    checked: list[Checked]


def check_environment(  # noqa: PLR0913 - what is known of the program
    ssm: Ssm,
    path: str,
    planned: Planned | None,
    *,
    modules: Collection[str] = (),
    first_deploy: bool = False,
    settings: Settings | None = None,
    findings: Collection[Finding] = (),
) -> Report:
    """Return what would make an environment's next deploy fail, and what the deployer should know.

    Needs `ssm:DescribeParameters`, `ssm:GetParameterHistory` on the releases and
    `ssm:GetParameters` on the rollouts; optionally `ssm:GetParameters` and `kms:Decrypt` on the
    releases, `iam:GetAccountSummary`, and for names that are taken `kms:DescribeKey`,
    `kms:ListResourceTags`, `iam:GetPolicy` and `iam:GetPolicyVersion`.

    `planned` is None without a project, `modules` are all models of the project, `settings` the
    stack's, to find names that are taken, and `findings` stop the program.
    """
    account = ssm.everything()
    listed = {name: it for name, it in account.items() if name.startswith(f"{path}/")}
    deployed = set(released_models(listed, path))
    checked = list[Checked]()
    own = deployed if planned is None else deployed & planned.keys()
    if not own and not first_deploy:  # a check of nothing must not succeed
        others = f"; other models have releases: {', '.join(sorted(deployed))}" if deployed else ""
        whose = "" if planned is None else " of this project's models"
        problem = (
            f"there is no release{whose} below {path} in this account and {ssm.region}{others}"
        )
        fix = "check the environment, the prefix, the region and the credentials; if this is the "
        fix += "first deploy, add --first-deploy"
        reason = "a check in the wrong place has no findings"
        checked.append(Checked("error", path, problem, fix, reason))

    def read(model: str) -> tuple[Releases, AbstractSet[str] | None]:
        releases = read_releases(ssm, path, model, documents=False)
        with suppress(AccessDeniedError):
            if planned and model in planned and releases.newest.content:
                return releases, contents_of(releases.newest, releases.path, listed.keys()).keys()
        return releases, None

    models = ssm.map(read, sorted(deployed), "Reading releases")
    if planned is not None:
        known = {releases.model: names for releases, names in models if names is not None}
        existing = list(_check_existing(listed, path, planned, known))
        checked += existing
        faulty = {it.where for it in existing}.union(*(models_in(it.where) for it in findings))
        fix = "nothing: the next deploy creates it"
        new = sorted(planned.keys() - faulty - deployed)
        checked += [Checked("notice", model, "it is not deployed yet", fix) for model in new]
        for model in sorted(deployed - planned.keys()):
            other = "stack" if model in modules else "project"
            problem = without_plan(has_module=model in modules)
            fix = f"nothing, if another {other} deploys it. If this {other} did, the next deploy "
            fix += "deletes it with its history: move its readers first"
            checked.append(Checked("notice", model, problem, fix))
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
    checked += [Checked("notice", "the rollouts", problem, fix) for problem in ssm.problems]
    for releases, _ in models:
        state = state_of(releases, texts.get(rollout_name(releases.path)))
        checked += _check_releases(state, is_own=planned is None or releases.model in planned)
    checked += [Checked("error", *finding) for finding in findings]
    return Report(deployed, checked)


def models_in(where: str) -> set[str]:
    """Return the first names of the paths of values and overrides: models, if it is about any."""
    paths = where.removeprefix(f"{NAMESPACE}:overrides.").split(", ")
    return {re.split("[/.]", path)[0] for path in paths}


def _check_existing(
    listed: Listed, path: str, planned: Planned, known: Mapping[str, AbstractSet[str]]
) -> Iterator[Checked]:
    """Yield parameters that exist before they are deployed; `known` has the newest releases'."""
    for model, names in sorted(planned.items()):
        release = listed.get(release_name(model_path(path, model)))
        written = []
        for parameter in (listed[name] for name in sorted(names & listed.keys())):
            kind = parse(parameter.name, path).kind
            is_ahead = release is None or parameter.at > release.at
            if kind == "release part":  # a deploy overwrites it, and it outlives its model
                continue
            if release is None:
                is_new = True
            elif model in known:
                is_new = kind != ROLLOUT and parameter.name not in known[model]
            else:  # a change of a secret makes no release, and a later version existed before
                is_new = kind == "value" and parameter.version == 1 and is_ahead
            if parameter.type != ("String" if kind == ROLLOUT else "SecureString"):
                problem = f"is a {parameter.type}"
            elif is_new and not is_ahead:
                problem = "is not in the newest release"
            else:
                written += [parameter.name] if is_new else []
                continue
            problem = f"{parameter.name} exists and {problem}, so no deploy of this stack wrote it"
            fix = (
                "keep its value, if it is needed, in the module (`model-config import "
                f"{parameter.name} --as MODEL` shows it), then "
                f"`aws ssm delete-parameter --name {parameter.name}`; or rename the field"
            )
            stops = "a deploy takes over no existing parameter: it stops with "
            yield Checked("error", model, problem, fix, f"{stops}ParameterAlreadyExists")
        if written:
            where = "newer than its newest release" if release else "and no release"
            others = " and others" if len(written) > 1 else ""
            problem = f"it has {plural(len(written), 'parameter')} {where}: {written[0]}{others}"
            fix = (
                f"`model-config recover --environment {path.rpartition('/')[2]}` before the next "
                "deploy: it adopts those that the stack's state lacks"
            )
            reason = (
                "a deploy that was killed leaves such parameters, and the next one fails with "
                "ParameterAlreadyExists"
            )
            yield Checked("notice", model, problem, fix, reason)


def _check_tiers(account: Listed, path: str, planned: Planned) -> Iterator[Checked]:
    for model, names in sorted(planned.items()):
        for name in sorted({*names, release_name(model_path(path, model))} & account.keys()):
            if account[name].tier == "Advanced":
                problem = f"{name} is an Advanced parameter, and a deploy writes Standard ones"
                fix = (
                    "deploy to another model-config:environment and move the readers there; or, if "
                    f"its history may go, `aws ssm delete-parameter --name {name}` and deploy"
                )
                never = "AWS never makes an Advanced parameter Standard"
                source = "(SSM user guide, Managing parameter tiers)"
                yield Checked("error", model, problem, fix, f"{never} {source}")


def _check_parameters(account: Listed, planned: Planned) -> Iterator[Checked]:
    standard = sum(it.tier != "Advanced" for it in account.values())
    new = len({name for names in planned.values() for name in names} - account.keys())
    if standard + new > MAX_PARAMETERS:
        problem = f"it holds {standard:,} Standard parameters in this region, and the next deploy "
        problem += f"creates {new:,} more"
        fix = "delete unneeded parameters, or deploy to another account or region"
        quota = f"{MAX_PARAMETERS:,} Standard parameters in an account and region (AWS quotas)"
        yield Checked("error", "the account", problem, fix, quota)
    elif standard + new > 0.8 * MAX_PARAMETERS:
        problem = (
            f"with the next deploy it holds {standard + new:,} of {MAX_PARAMETERS:,} Standard "
            "parameters in this region"
        )
        fix = (
            "delete parts that no release needs with `model-config prune MODEL`, and other "
            "unneeded parameters"
        )
        quota = "the quota of an account and region (AWS quotas)"
        yield Checked("warning", "the account", problem, fix, quota)


def _check_policies(aws: KeysAndPolicies, new: int) -> Iterator[Checked]:
    try:
        policies, quota = aws.policy_count()
    except AccessDeniedError:
        problem = "IAM's policies were not counted: access was denied"
        fix = "allow iam:GetAccountSummary, or count them: `aws iam get-account-summary`"
        yield Checked("notice", "the account", problem, fix)
        return
    if policies + new > quota:
        problem = (
            f"it holds {policies:,} managed policies, and the next deploy creates {new:,} more"
        )
        fix = "delete unneeded policies, or ask AWS for a higher quota"
        reason = f"{quota:,} customer-managed policies in this account (IAM quotas)"
        yield Checked("error", "the account", problem, fix, reason)


def taken_names(
    aws: KeysAndPolicies, settings: Settings, new_models: Sequence[str], *, first_deploy: bool
) -> Iterator[Checked]:
    """Yield names that a deploy creates and that are taken, as far as permissions allow."""
    with suppress(AccessDeniedError):
        if first_deploy and not settings.kms_key_arn and (key := aws.key(settings.key_alias)):
            problem = "the alias already exists"
            unique = "an alias is unique in an account and region"
            with suppress(AccessDeniedError):
                if owner := aws.owner(key.id):
                    problem += f", and its key belongs to the stack {owner}"
            yield Checked("error", settings.key_alias, problem, _TAKEN, unique)
    if not new_models:
        return
    account = aws.account()
    for name in (settings.policy_name(model, account.region) for model in new_models):
        with suppress(AccessDeniedError):
            if aws.policy(account.policy_arn(name)) is not None:
                unique = "a policy's name is unique in an account"
                yield Checked("error", name, "the reader policy already exists", _TAKEN, unique)


def _check_releases(state: State, *, is_own: bool) -> Iterator[Checked]:
    releases, model = state.releases, state.releases.model
    for deploys_left, finding in running_out(state):
        yield Checked("error" if deploys_left <= 0 else "warning", *finding)
    for finding in unfinished(state):
        yield Checked("warning", *finding)
    if is_own and (problem := not_promoted(state)):
        yield Checked("notice", model, problem, f"`model-config promote {releases.place}`")
    place = f"--environment {releases.environment}"
    for label in releases.held:
        promote = f"`model-config promote {model} --label {label} {place}`"
        fix = f"no pipeline moves it. To resolve this: {promote}"
        yield Checked("notice", model, state.why_it_stays(label), fix)
    if rollout := state.under_way:
        problem = f"a rollout of release {rollout.release} to {rollout.label} is under way"
        fix = "no pipeline promotes another release until it ends. See "
        fix += f"`model-config rollout status {releases.place}`"
        yield Checked("notice", model, problem, fix)
