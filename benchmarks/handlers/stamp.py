"""The handler of the delay measurement: its first statement reads the clock."""

import time

from enschedule_core import Registration, handler, hookimpl


@handler(id="stamp", description="Prints the nanosecond since 1970 at which it was called.", idempotent=True)
def stamp() -> None:
    """Print when this was called."""
    started_ns = time.time_ns()
    print(started_ns)


@hookimpl
def enschedule_register_handlers(registry: Registration) -> None:
    """Register ``stamp``."""
    registry.register(stamp)
