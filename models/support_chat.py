"""The assistant that answers customers' questions in the help centre."""

from model_config.schema import (
    CallLimits,
    ChatModel,
    Generation,
    Prompts,
    SecretRef,
    text_beside,
)

MODEL = ChatModel(
    provider="openai",
    model_id="gpt-4.1",
    prompts=Prompts(
        system=text_beside(__file__, "support_chat.md"),
        templates={
            "greeting": "Hello {{customer_name}}, how can I help you today?",
            "handover": "I am passing this on to a colleague. Your reference is {{ticket_id}}.",
        },
    ),
    generation=Generation(temperature=0.2, top_p=0.95, max_output_tokens=1024, stop=["</answer>"]),
    limits=CallLimits(timeout_seconds=20, max_retries=2, requests_per_minute=600),
    api_key=SecretRef("supportChatApiKey"),
)
