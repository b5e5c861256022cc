"""Puts the passages that a search found in the order of their relevance."""

from model_config.schema import CallLimits, RerankerModel, SecretRef

MODEL = RerankerModel(
    provider="cohere",
    model_id="rerank-v3.5",
    top_n=5,
    max_documents=100,
    limits=CallLimits(timeout_seconds=5, max_retries=2),
    api_key=SecretRef("${secret}"),
)
