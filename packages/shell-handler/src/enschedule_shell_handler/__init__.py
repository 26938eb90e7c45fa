"""The handler ``shell``: runs a shell script or a program, and fails on an exit code that was not expected.

Its worker must name it in IMPORT_HANDLERS, because whoever may edit schedules there can then run any command.
"""

from __future__ import annotations

from typing import Any

from enschedule_core import Context, Registrar, Registration, handler, hookimpl
from enschedule_shell_handler.command import Command, run
from enschedule_shell_handler.data import ShellData

__all__ = ["ShellData", "enschedule_register_handlers", "shell", "shell_handler"]


@handler(
    id="shell",
    version=1,
    title="Run a command",
    description="Runs a shell script or a program on the worker's machine; fails on any other exit code than 0",
    data_schema=ShellData,
    example={"command": "date"},
    minimum_role="admin",
)
def shell(data: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run what ``data`` says; see :func:`enschedule_shell_handler.command.run`."""
    command = Command.of(data["command"], data["args"], env=data["env"], cwd=data["cwd"], stdin=data["stdin"])
    return {"exit_code": run(command, context, accepted=data["success_exit_codes"])}


def shell_handler(scheduler: Registrar) -> None:
    """Register ``shell`` with a scheduler: ``shell_handler(scheduler)``."""
    shell.register_with(scheduler)


@hookimpl
def enschedule_register_handlers(registry: Registration) -> None:
    """Register ``shell`` where the package is loaded as a plugin."""
    registry.register(shell)
