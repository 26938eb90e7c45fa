"""Enschedule in one piece: the Python API that puts the parts together, and `enschedule up`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enschedule_hub.hub import ExternalWorker, FileWorker, InlineWorker, create_handler, enschedule

__all__ = ["ExternalWorker", "FileWorker", "InlineWorker", "create_handler", "enschedule"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from enschedule_hub import hub  # noqa: PLC0415 - `enschedule up` starts fast by not importing it

    return getattr(hub, name)
