"""How a schedule says that it belongs to a file."""

from __future__ import annotations

_FILE = "file "


def owner(label: str) -> str:
    """Return what ``managed_by`` says of a schedule that stands in the file ``label``."""
    return f"{_FILE}{label}"


def is_files(managed_by: str | None) -> bool:
    """Return whether an owner is a file."""
    return managed_by is not None and managed_by.startswith(_FILE)
