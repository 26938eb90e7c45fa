"""Both of our executors keep the contract that plugins' executors are checked by."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enschedule_core.executor import ExecutorFactory
from enschedule_worker.engine import streams
from enschedule_worker.engine.executor import ThreadExecutor
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.testing import EXECUTOR_CHECKS


@pytest.mark.parametrize("factory", [ThreadExecutor, ProcessExecutor])
@pytest.mark.parametrize("check", EXECUTOR_CHECKS, ids=lambda check: check.__name__)
def test_executor(check: Callable[[ExecutorFactory], None], factory: ExecutorFactory) -> None:
    streams.install()
    try:
        check(factory)
    finally:
        streams.uninstall()
