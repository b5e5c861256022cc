"""A self-hosted model."""

from model_config.schema import CallLimits, EndpointModel, Instances

MODEL = EndpointModel(
    endpoint="https://models.internal.example.com/v1/${name}",
    model_version="1",
    instances=Instances(instance_type="g5.xlarge", min_count=1, max_count=2),
    limits=CallLimits(timeout_seconds=5, max_retries=2),
)
