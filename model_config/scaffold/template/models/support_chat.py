"""Answers questions in a chat."""

from model_config.schema import CallLimits, ChatModel, Generation, Prompts, SecretRef, text_beside

MODEL = ChatModel(
    provider="openai",
    model_id="gpt-4.1-mini",
    prompts=Prompts(system=text_beside(__file__, "support_chat.md")),
    generation=Generation(temperature=0.2, max_output_tokens=1024),
    limits=CallLimits(timeout_seconds=20, max_retries=2),
    api_key=SecretRef("supportChatApiKey"),
)
