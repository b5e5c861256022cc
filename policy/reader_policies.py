"""The permissions that a reader policy may have: one model's release, rollout and secrets.

Anything that isn't listed is refused, because IAM has too many ways to allow more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Statement = Mapping[str, Any]

_READS, _DECRYPTS = ("ssm:GetParameter", "ssm:GetParameters"), "kms:Decrypt"
# IAM ignores the case of an action's name.
_ACTIONS = {action.lower() for action in (*_READS, _DECRYPTS)}
_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
# "…IfExists" and "ForAllValues:" allow a request without the condition key, and "Not…" any value
# except the named one.
_OPERATORS = {"StringEquals", "StringLike"}
_CONTEXT, _VIA = "kms:EncryptionContext:PARAMETER_ARN", "kms:ViaService"

_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
_SSM = re.compile(r"ssm\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
# A wildcard is allowed only below a model's parts and secrets. "${…}" counts as one.
_MODEL = (
    r"(?P<model>arn:[a-z-]+:ssm:[a-z0-9-]+:\d{{12}}:parameter{prefix}"
    r"/(?P<environment>{name})/{name})"
)
_OWN = r"(release|rollout|release/parts/[A-Za-z0-9*?]+|secrets/[A-Za-z0-9_./*?-]+)"
_NAME = r"[A-Za-z0-9_.-]+"


def grants_beyond_one_model(document: object, prefix: str) -> Iterator[str]:
    """Yield what a policy document allows beyond reading one model below the prefix."""
    if not (statements := _statements(document)):
        yield "it is not a policy document with statements"
    granting = [each for each in statements if each.get("Effect") != "Deny"]
    for statement in granting:
        yield from _too_wide(statement, prefix)
    if len(models := sorted({model for model, _ in _models(granting, prefix)})) > 1:
        yield f"it reads more than one model: {', '.join(models)}"


def environments_read(document: object, prefix: str) -> set[str]:
    """Return the environments whose models a policy document allows to read."""
    return {environment for _, environment in _models(_statements(document), prefix)}


def _statements(document: object) -> list[Statement]:
    try:
        content = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return []
    statements = _list(content.get("Statement", [])) if isinstance(content, Mapping) else []
    return statements if all(isinstance(each, Mapping) for each in statements) else []


def _too_wide(statement: Statement, prefix: str) -> Iterator[str]:
    for element in sorted(statement.keys() - _ELEMENTS):
        yield f"the element {element} is not one of {', '.join(sorted(_ELEMENTS))}"
    actions = _list(statement.get("Action", []))
    for action in actions:
        if action.lower() not in _ACTIONS:
            yield f"the action {action} is not one of {', '.join((*_READS, _DECRYPTS))}"
    for arn in _list(statement.get("Resource", [])):
        if not _KEY_ARN.fullmatch(arn):
            yield from _not_one_models(arn, prefix)
    if _DECRYPTS.lower() in map(str.lower, actions):
        yield from _unconditional(statement, prefix)


def _unconditional(statement: Statement, prefix: str) -> Iterator[str]:
    """Yield the missing conditions of a decryption: only through SSM, and for one model."""
    callers, contexts = _condition(statement, _VIA), _condition(statement, _CONTEXT)
    for key, values in ((_VIA, callers), (_CONTEXT, contexts)):
        if not values:
            yield f"{_DECRYPTS} without StringEquals or StringLike on {key}"
    for caller in callers:
        if not _SSM.fullmatch(caller):
            yield f"{_DECRYPTS} through {caller}, which is not SSM"
    for arn in contexts:
        yield from _not_one_models(arn, prefix)


def _not_one_models(arn: str, prefix: str) -> Iterator[str]:
    if not _own(arn, prefix):
        yield f"{arn} is not a release, rollout or secret of one model below {prefix}/"


def _models(statements: list[Statement], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield each model in the statements, as the beginning of its ARNs, and its environment."""
    for statement in statements:
        for arn in (*_list(statement.get("Resource", [])), *_condition(statement, _CONTEXT)):
            if found := _own(arn, prefix):
                yield found["model"], found["environment"]


def _own(arn: str, prefix: str) -> re.Match[str] | None:
    model = _MODEL.format(prefix=re.escape(prefix), name=_NAME)
    return re.fullmatch(f"{model}/{_OWN}", arn)


def _condition(statement: Statement, key: str) -> list[str]:
    return [
        value
        for operator, condition in statement.get("Condition", {}).items()
        if operator in _OPERATORS
        for value in _list(condition.get(key, []))
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
