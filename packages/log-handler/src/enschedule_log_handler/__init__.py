"""The handler ``log-job``: prints a message. The shortest whole example of a plugin."""

from marshmallow import Schema, fields

from enschedule_core import Registrar, Registration, handler, hookimpl

__all__ = ["enschedule_register_handlers", "log_handler", "log_job"]


class Message(Schema):
    """What ``log-job`` takes."""

    message = fields.String(
        required=True,
        metadata={
            "title": "Message",
            "description": "Text to print",
            "x-placeholder": "some message",
            "x-multiline": True,
        },
    )


@handler(
    id="log-job",
    version=1,
    title="Log message",
    description="Will print the message on the server",
    data_schema=Message,
    example={"message": "some message"},
    idempotent=True,
)
def log_job(data: dict[str, str]) -> None:
    """Print the message."""
    print(data["message"])


def log_handler(scheduler: Registrar) -> None:
    """Register ``log-job`` with a scheduler: ``log_handler(scheduler)``."""
    log_job.register_with(scheduler)


@hookimpl
def enschedule_register_handlers(registry: Registration) -> None:
    """Register ``log-job`` where the package is loaded as a plugin."""
    registry.register(log_job)
