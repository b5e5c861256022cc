"""The assistant that answers customers' questions in the help centre."""

from model_config.schema import (
    CallLimits,
    ChatModel,
    Generation,
    Message,
    Prompts,
    SecretRef,
    Tool,
    text_beside,
)

EXAMPLE = """\
{"reasoning": "An order, but no number, and the customer isn't signed in.", "kind": "order",
"reply": "Which order is it? Its number begins with AB-.", "hand_over": false}"""

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
    messages=[
        Message(role="user", content="My parcel is late."),
        Message(role="assistant", content=EXAMPLE),
    ],
    tools=[
        Tool(
            name="get_order",
            description="Looks up an order by its number, or the customer's last order.",
            parameters={
                "type": "object",
                "properties": {"number": {"type": "string", "pattern": "^AB-[0-9]{7}$"}},
            },
        ),
        Tool(
            name="create_ticket",
            description="Hands the conversation over to a person.",
            parameters={
                "type": "object",
                "properties": {
                    "summary": {"type": "string"},
                    "priority": {"enum": ["normal", "high", "urgent"]},
                },
                "required": ["summary", "priority"],
            },
        ),
    ],
    tool_choice="auto",
    response_schema={  # the model writes the properties in this order: it reasons first
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            "kind": {"enum": ["usage", "problem", "order", "account", "other"]},
            "reply": {"type": "string"},
            "hand_over": {"type": "boolean"},
        },
        "required": ["reasoning", "kind", "reply", "hand_over"],
        "additionalProperties": False,
    },
    generation=Generation(temperature=0.2, top_p=0.95, max_output_tokens=1024),
    limits=CallLimits(timeout_seconds=20, max_retries=2, requests_per_minute=600),
    api_key=SecretRef("supportChatApiKey"),
)
