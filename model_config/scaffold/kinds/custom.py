"""Sends tickets to queues. Replace the classes with your own: docs/models.md."""

from typing import Annotated

from pydantic import Field

from model_config.schema import CallLimits, Group, ModelConfig, Prompt, Text


class Confidence(Group):
    """How sure the router must be.

    Attributes:
        route: below it, the ticket goes to a person.
        close: above it, a duplicate is closed.
    """

    route: Annotated[float, Field(ge=0, le=1)] = 0.7
    close: Annotated[float, Field(ge=0, le=1)] = 0.95


class Routing(Group):
    """What decides about a ticket.

    Attributes:
        confidence: how sure the router must be.
        default_queue: the queue of the tickets that no rule is for.
    """

    confidence: Confidence = Confidence()
    default_queue: Text = "general"


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
        routing: what decides about a ticket.
        rules: the queues, with the most urgent first.
        limits: how an application calls it.
    """

    routing: Routing = Routing()
    rules: list[Rule]
    limits: CallLimits = CallLimits()


MODEL = TicketRouter(
    rules=[
        Rule(queue="security", keywords=["phishing"]),
        Rule(queue="billing", keywords=["invoice", "refund"], reply="Hello {{customer_name}}, …"),
    ],
    limits=CallLimits(timeout_seconds=5, max_retries=2),
)
