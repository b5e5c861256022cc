"""Turns texts into vectors for a search."""

from model_config.schema import CallLimits, EmbeddingModel, SecretRef

MODEL = EmbeddingModel(
    provider="openai",
    model_id="text-embedding-3-small",
    dimensions=1536,
    batch_size=64,
    normalize=True,
    distance="cosine",
    limits=CallLimits(timeout_seconds=10, max_retries=2),
    api_key=SecretRef("${secret}"),
)
