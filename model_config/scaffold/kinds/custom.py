"""Sends tickets to queues. Replace the classes with your own: docs/models.md."""

from typing import Annotated

from pydantic import Field

from model_config.schema import CallLimits, Group, ModelConfig, Prompt, Text


class Rule(Group):
    """The tickets that a queue gets.

    Attributes:
        queue: the queue.
        keywords: words in its tickets.
        reply: the first reply; None for none.
    """

    queue: Text
    keywords: list[Text]
    reply: Prompt | None = None


class TicketRouter(ModelConfig):
    """Sends tickets to queues.

    Attributes:
        min_confidence: below it, a ticket goes to a person.
        rules: the queues, with the most urgent first.
        limits: how an application calls it.
    """

    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.7
    rules: list[Rule]
    limits: CallLimits = CallLimits()


MODEL = TicketRouter(
    rules=[
        Rule(queue="security", keywords=["phishing"]),
        Rule(queue="billing", keywords=["invoice", "refund"], reply="Hello {{customer_name}}, …"),
    ],
    limits=CallLimits(timeout_seconds=5, max_retries=2),
)
