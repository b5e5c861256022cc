"""Turns help-centre articles and questions into vectors for the search index."""

from model_config.schema import CallLimits, EmbeddingModel, SecretRef

MODEL = EmbeddingModel(
    provider="openai",
    model_id="text-embedding-3-large",
    dimensions=1024,
    batch_size=64,
    normalize=True,
    distance="cosine",
    limits=CallLimits(timeout_seconds=10, max_retries=4, requests_per_minute=3000),
    api_key=SecretRef("documentEmbeddingApiKey"),
)
