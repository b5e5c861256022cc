"""Requests that AWS refuses and moto accepts, so that a local deploy fails where AWS would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.kms.models import kms_backends
from moto.ssm.exceptions import ValidationException
from moto.ssm.models import Parameter
from moto.ssm.responses import SimpleSystemManagerResponse

from model_config.format.codec import PART_BYTES, size_in_bytes
from model_config.plan import limits

# SSM API reference, PutParameter, Tier.
_TIER_BYTES = {"Standard": PART_BYTES, "Advanced": 8192}


@contextmanager
def as_strict_as_aws() -> Iterator[None]:
    """Make moto's PutParameter refuse requests that AWS refuses according to its documentation."""
    put = SimpleSystemManagerResponse.put_parameter

    def strict_put(response: SimpleSystemManagerResponse) -> ActionResult:
        request, backend = json.loads(response.body), response.ssm_backend
        versions = backend._parameters.get(request["Name"])  # noqa: SLF001 -- no public way
        for reason in refusals(request, versions[-1] if versions else None, backend.region_name):
            raise ValidationException(reason)
        key = request.get("KeyId")
        if key and not _exists(key, backend.account_id, backend.region_name):
            raise JsonRESTError("InvalidKeyId", f"There is no key {key} in {backend.region_name}")
        return put(response)

    with patch.object(SimpleSystemManagerResponse, "put_parameter", strict_put):
        yield


@contextmanager
def pages_as_long_as_in_aws() -> Iterator[None]:
    """Make moto's DescribeParameters give as many as are asked for: ten a page is five times slow.

    Each of its pages looks at every parameter anew.
    """

    def describe(response: SimpleSystemManagerResponse) -> ActionResult:
        get = response._get_param  # noqa: SLF001 -- moto's way
        start, size = int(get("NextToken") or 0), int(get("MaxResults") or 10)
        found = response.ssm_backend.describe_parameters(get("Filters"), get("ParameterFilters"))
        page = [each.describe_response_object() for each in found[start : start + size]]
        more = {"NextToken": str(start + size)} if len(found) > start + size else {}
        return ActionResult({"Parameters": page, **more})

    with patch.object(SimpleSystemManagerResponse, "describe_parameters", describe):
        yield


def refusals(request: dict[str, Any], current: Parameter | None, region: str) -> Iterator[str]:
    """Yield the reasons for which AWS would refuse a PutParameter request.

    `current` is the parameter's newest version, if there is one.
    """
    name, value = str(request["Name"]), str(request.get("Value", ""))
    for finding in limits.check_name(f"/{name.removeprefix('/')}", name, region):
        yield f"{finding.problem}: {finding.reason}"
    if re.search(r"\{\{.*\}\}", value, re.DOTALL):
        yield "Parameter value can't nest another parameter: it holds {{...}}"

    current_tier = str(current.tier) if current else "Standard"
    tier = str(request.get("Tier", current_tier))
    limit = _TIER_BYTES.get(tier, PART_BYTES)
    if size_in_bytes(value) > limit:
        yield f"{tier} tier parameters support a maximum parameter value of {limit} bytes"
    if current is None or not request.get("Overwrite"):
        return  # moto itself refuses to create an existing parameter
    if (current_tier, tier) == ("Advanced", "Standard"):
        yield "This parameter uses the advanced-parameter tier and can't go back to standard"
    if request.get("Type", current.parameter_type) != current.parameter_type:
        yield "The parameter's type can't be changed"


def _exists(key: str, account: str, region: str) -> bool:
    kms = kms_backends[account][region]
    return key == "alias/aws/ssm" or kms.any_id_to_key_id(key) in kms.keys
