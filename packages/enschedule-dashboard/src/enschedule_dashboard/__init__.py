"""The web dashboard of Enschedule.

``scheduler``, ``server`` and ``worker`` are made at first use; see :mod:`enschedule_dashboard.program`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enschedule_dashboard.program import scheduler, server, worker

__all__ = ["scheduler", "server", "worker"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from enschedule_dashboard import program  # noqa: PLC0415 - Flask takes a while, and not everybody needs these

    return getattr(program, name)
