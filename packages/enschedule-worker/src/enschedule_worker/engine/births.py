"""Starting child processes: what they are told first, and waiting longer and longer while none of them gets ready."""

from __future__ import annotations

import logging
import random
import selectors
import sys
import time
from typing import Any

from enschedule_core.errors import ConfigurationError
from enschedule_core.executor import ExecutorOptions
from enschedule_core.registrar import collecting
from enschedule_worker.engine.children import ChildProcess

logger = logging.getLogger(__name__)
RETRY_SECONDS = (0.1, 30.0)


class Births:
    """Starts children as ``options`` want them. ``not_before`` is when the next one may be started (monotonic).

    Raises :class:`ConfigurationError` where this process is a child itself, or no child would find the handlers.
    """

    def __init__(self, options: ExecutorOptions) -> None:
        self._options = options
        self._refuse_homeless()
        if collecting() is not None:
            raise ConfigurationError(
                "A worker cannot start in a child process of a worker, which runs the program for its handlers only.",
                hint='Start it under: if __name__ == "__main__":',
            )
        self._failures = 0
        self.not_before = 0.0

    def _refuse_homeless(self) -> None:
        registry = self._options.registry
        homeless = [one for one in registry.handlers() if registry.source(one).kind == "code"]
        if homeless:
            names = ", ".join(f"{one.id}@{one.version}" for one in homeless)
            raise ConfigurationError(
                f"ENSCHEDULE_EXECUTOR: a child process cannot find {names} again: made while the program ran, "
                "in a place that cannot be imported.",
                hint="Define handlers at the top level of a module or file, or set ENSCHEDULE_EXECUTOR=thread",
            )

    def start(self, selector: selectors.BaseSelector) -> ChildProcess | None:
        """Start a child that ``selector`` listens to; None where the system refuses."""
        # Not all at once: children that were started together would have to be replaced together.
        limit = self._options.runs_per_child or sys.maxsize
        try:
            return ChildProcess(
                selector,
                self._options.environ,
                self._load(),
                runs_left=limit - random.randrange(limit // 5 + 1),  # noqa: S311
            )
        except OSError as problem:
            logger.error("a child process could not be started: %s", problem)  # noqa: TRY400 - no traceback needed
            self.put_off()
            return None

    def _load(self) -> dict[str, Any]:
        return {
            "sources": [source.as_dict() for source in self._options.registry.sources],
            "texts": {
                folder: {path: text.decode("latin-1") for path, text in texts.items()}
                for folder, texts in self._options.registry.folder_texts.items()
            },
            "path": sys.path,
            "log_level": logging.root.level,
            "withheld": sorted(self._options.withheld),
            "memory_max_bytes": self._options.memory_max_bytes,
        }

    def put_off(self) -> None:
        """One was not born, or has died before it got ready: the next one comes later."""
        self._failures += 1
        first, most = RETRY_SECONDS
        self.not_before = time.monotonic() + min(most, first * 2 ** min(self._failures, 20))

    def succeeded(self) -> None:
        """One got ready."""
        self._failures = 0
