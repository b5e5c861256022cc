"""Clients for AWS services other than SSM, with the reader's short timeouts."""

from __future__ import annotations

from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config

from model_config.reader.aws_errors import FAILURES, translate
from model_config.reader.connection import ATTEMPTS, CONNECT_TIMEOUT, READ_TIMEOUT


def aws_client(service: str, region: str | None) -> Any:
    """Return a client from boto3's usual settings.

    Args:
        service: "kms", "iam", "cloudwatch", "ssm".
        region: the region, or None for that of boto3's settings.
    """
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, retries=retries)
    return boto3.session.Session().client(service, region_name=region, config=config)


def ask(client: Any, action: str, about: str, *, absent: str = "", **wanted: Any) -> Any:
    """Return an answer from AWS, or None if the resource doesn't exist.

    Args:
        client: the service's client.
        action: the request as IAM calls it, "kms:DescribeKey".
        about: the resource, for the error.
        absent: the error code for a resource that doesn't exist.
        wanted: the request's parameters.

    Raises:
        StoreError: AWS is unavailable or refuses.
    """
    try:
        return getattr(client, xform_name(action.partition(":")[2]))(**wanted)
    except FAILURES as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if absent and code == absent:
            return None
        raise translate(error, action, [about]) from error
