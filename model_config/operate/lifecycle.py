"""Which releases name models that their providers retire, and what Amazon Bedrock retires."""

from __future__ import annotations

from collections.abc import Iterator

import boto3

from model_config.format.errors import StoreError
from model_config.format.names import PREVIOUS
from model_config.operate.releases import PastRelease, Releases
from model_config.operate.ssm import FAILURES, aws_client
from model_config.plan.lifecycle import Retirement, Retirements
from model_config.reader.problems import translate


def promoted(releases: Releases) -> Iterator[tuple[PastRelease, list[str]]]:
    """Yield the releases that readers get by a label, each with its labels."""
    for release in releases:
        if labels := [label for label in release.labels if not label.endswith(PREVIOUS)]:
            yield release, sorted(labels)


def bedrock_retirements(region: str) -> Retirements:
    """Return the foundation models of a region that are legacy, or have a last day.

    Needs `bedrock:ListFoundationModels`. Raises StoreError if AWS is unavailable or refuses, or has
    no Bedrock in the region.
    """
    try:
        session = boto3.session.Session()
        partition = session.get_partition_for_region(region)
        if region not in session.get_available_regions("bedrock", partition):
            raise StoreError(f"Bedrock isn't in {region}, as far as this boto3 knows")
        answer = aws_client("bedrock", region).list_foundation_models()
    except (*FAILURES, OSError) as error:
        raise translate(error, "bedrock:ListFoundationModels", ["*"]) from error
    retirements = {}
    for model in answer.get("modelSummaries", []):
        lifecycle = model.get("modelLifecycle", {})
        last = lifecycle.get("endOfLifeTime")
        if last or lifecycle.get("status") == "LEGACY":
            on = last.date() if last else None
            retirements[model["modelId"]] = Retirement(on, f"Bedrock in {region}")
    return retirements
