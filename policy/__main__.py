"""The policy pack: the rules, the resources they check, and their descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import rules
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

Rule = Callable[[rules.Properties, rules.Settings], Iterator[str]]
StackRule = Callable[[Sequence[rules.Resource], rules.Settings], Iterator[tuple[str, str]]]

_DEFAULTS = rules.Settings()
_CONFIG = PolicyConfigSchema(
    properties={
        "prefix": {"type": "string", "default": _DEFAULTS.prefix},
        "protectedEnvironments": {
            "type": "array",
            "items": {"type": "string"},
            "default": list(_DEFAULTS.protected_environments),
        },
        "readerPolicyPath": {"type": "string", "default": _DEFAULTS.reader_policy_path},
    }
)


def resource_policy(name: str, kind: str, description: str, rule: Rule) -> ResourceValidationPolicy:
    """Return a policy that checks each resource of a type with a rule, before it is written."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type == kind:
            for problem in rule(_known(args.props), _settings(args.get_config())):
                report(problem, None)

    return ResourceValidationPolicy(
        name=name, description=description, validate=validate, config_schema=_CONFIG
    )


def stack_policy(name: str, description: str, rule: StackRule) -> StackValidationPolicy:
    """Return a policy that checks all resources of a stack together with a rule."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [_resource(resource) for resource in args.resources]
        for urn, problem in rule(resources, _settings(args.get_config())):
            report(problem, urn)

    return StackValidationPolicy(
        name=name, description=description, validate=validate, config_schema=_CONFIG
    )


def _resource(resource: PolicyResource) -> rules.Resource:
    return rules.Resource(
        type=resource.resource_type,
        urn=resource.urn,
        props=_known(resource.props),
        protect=resource.opts.protect,
        dependencies={
            prop: [used.urn for used in others]
            for prop, others in resource.property_dependencies.items()
        },
    )


def _settings(config: Mapping[str, Any]) -> rules.Settings:
    return rules.Settings(
        prefix=config.get("prefix", _DEFAULTS.prefix),
        protected_environments=config.get(
            "protectedEnvironments", _DEFAULTS.protected_environments
        ),
        reader_policy_path=config.get("readerPolicyPath", _DEFAULTS.reader_policy_path),
    )


def _known(value: Any) -> Any:
    """Return properties as plain dicts and lists. A value that a preview doesn't know is UNKNOWN.

    Otherwise Pulumi would skip a rule if any property that it reads is unknown.
    """
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(values: Any, key: str | int) -> Any:
    try:
        return _known(values[key])
    except UnknownValueError:
        return rules.UNKNOWN


PolicyPack(
    name="model-config",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        resource_policy(
            "names-below-prefix",
            rules.PARAMETER,
            "Every SSM parameter of the stack is below the prefix.",
            rules.below_prefix,
        ),
        resource_policy(
            "secure-strings-only",
            rules.PARAMETER,
            "A parameter below the prefix is a SecureString; a rollout may be a String.",
            rules.secure_string,
        ),
        resource_policy(
            "customer-managed-key",
            rules.PARAMETER,
            "A parameter below the prefix is encrypted under a customer managed key.",
            rules.customer_key,
        ),
        resource_policy(
            "key-rotation", rules.KEY, "A symmetric KMS key is rotated.", rules.rotation
        ),
        resource_policy(
            "narrow-reader-policies",
            rules.POLICY,
            "A reader policy lets its holder read one model, and only through SSM.",
            rules.narrow_reader,
        ),
        stack_policy(
            "protected-releases",
            "In a protected environment, releases, reader policies, key and alias are protected.",
            rules.unprotected,
        ),
        stack_policy(
            "no-exported-secrets",
            "No output of the stack holds a secret or a whole resource.",
            rules.exported_secrets,
        ),
    ],
)
