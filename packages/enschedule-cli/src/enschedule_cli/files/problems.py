"""What is wrong in a file, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: ``line`` and ``column`` count from 1, ``field`` is a dotted path from the top of the document."""

    path: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        about = f"{self.field}: " if self.field else ""
        return f"{self.path}:{self.line}:{self.column}: {about}{self.message}"


class Problems(Exception):
    """One or more mistakes, in the order in which they stand in their files."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = sorted(set(found))
        super().__init__("\n".join(map(str, self.found)))
