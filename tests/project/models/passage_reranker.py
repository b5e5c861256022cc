"""Puts the passages that the search found in order. We host it ourselves."""

from model_config.schema import CallLimits, EndpointModel, Instances

MODEL = EndpointModel(
    endpoint="https://reranker.dev.internal.example.com/v1/rerank",
    model_version="bge-reranker-v2-m3@2025-11-04",
    instances=Instances(
        instance_type="g5.xlarge",
        min_count=1,
        max_count=2,
        settings={"max_batch_size": 32, "dtype": "float16", "warm_up": True},
    ),
    feature_flags={"score_normalization": True, "long_passages": False},
    limits=CallLimits(timeout_seconds=2.5, max_retries=1),
)
