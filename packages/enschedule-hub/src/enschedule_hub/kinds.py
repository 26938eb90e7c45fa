"""The kinds of worker that ``enschedule(worker=…)`` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike


@dataclass(frozen=True, slots=True)
class InlineWorker:
    """Runs handlers in this program: in threads, unless ``executor`` or ENSCHEDULE_EXECUTOR says ``process``.

    With ``process``, child processes run the program's file again for its handlers, and ``enschedule()`` returns
    ``None`` there.
    """

    executor: str | None = None


@dataclass(frozen=True, slots=True)
class FileWorker:
    """Runs the handlers of a ``.py`` file in child processes, besides those given to ``enschedule()``.

    ``path`` starts at the working directory; it may be the program's own file.
    """

    path: str | PathLike[str]


@dataclass(frozen=True, slots=True)
class ExternalWorker:
    """A worker elsewhere: the pages show it, and this program opens no database.

    ``url`` is where its REST API answers, ``api_key`` the API_KEY it was started with.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)


AnyWorker = InlineWorker | FileWorker | ExternalWorker
