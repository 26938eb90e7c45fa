"""The commands of this distribution, one module each, imported only when named.

To add one: a module ``commands/<name>.py`` with a click command called ``command``, and its line in :data:`SECTIONS`.

- That line is what ``enschedule --help`` shows, so that the help imports no command; the docstring of the function is
  what ``enschedule <name> --help`` shows.
- A command that talks to a server is decorated with :func:`enschedule_cli.connection.connected` and gets the client as
  its first argument. It raises what the client raises, or :class:`click.ClickException`.
- It prints through :mod:`enschedule_cli.terminal`, so that no text can steer the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from keyword import iskeyword

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Look": {
        "status": "Say whether everything is all right; exit code 1 if not.",
        "get": "List schedules, runs, handlers or workers.",
        "describe": "Show one of them in full.",
        "next": "Show the coming slots.",
        "why": "Say why a schedule is not running.",
        "preview": "Say what a trigger would do.",
        "handlers": "List what can be run.",
    },
    "Schedules": {
        "create": "Create a schedule.",
        "edit": "Edit a schedule in your editor.",
        "delete": "Delete schedules.",
        "restore": "Bring deleted schedules back.",
        "pause": "Pause schedules, or everything.",
        "resume": "Let them go on.",
    },
    "Files": {
        "apply": "Make the schedules what the files say.",
        "diff": "Show what apply would change.",
        "export": "Print schedules as a file.",
        "import": "Make a schedule file from a crontab.",
    },
    "Runs": {
        "run": "Run a schedule, or a handler, now.",
        "logs": "Print what a run printed.",
        "wait": "Wait until a run has ended.",
        "cancel": "Cancel runs.",
        "retry": "Run again what has ended.",
    },
    "Server": {
        "secrets": "Keep secrets, encrypted; and the keys for that.",
    },
    "This command": {
        "login": "Log in to a server, and remember it.",
        "logout": "Log out, and forget a server.",
        "context": "Show or choose the server in use.",
        "completion": "Print the completion for a shell.",
        "version": "Print the version.",
    },
}

#: name and one line of every command
COMMANDS: Mapping[str, str] = {name: line for section in SECTIONS.values() for name, line in section.items()}


def module_of(name: str) -> str:
    """Return the module of a command; ``import``, a keyword, is in ``import_``."""
    return f"{__name__}.{name.replace('-', '_')}{'_' if iskeyword(name) else ''}"
