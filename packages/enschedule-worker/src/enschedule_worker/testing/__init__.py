"""For the authors of executors: the contract of :class:`enschedule_core.executor.Executor` as checks.

::

    @pytest.mark.parametrize("check", EXECUTOR_CHECKS, ids=lambda check: check.__name__)
    def test_my_executor(check):
        check(MyExecutor)

Each check takes the factory, makes an executor, and raises ``AssertionError`` where it breaks a rule.
"""

from enschedule_worker.testing.checks import EXECUTOR_CHECKS
from enschedule_worker.testing.recording import RecordedRun, Recorder

__all__ = ["EXECUTOR_CHECKS", "RecordedRun", "Recorder"]
