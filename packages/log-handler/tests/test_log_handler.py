"""log-job, as a worker runs it and as a scheduler registers it."""

from __future__ import annotations

import pytest

from enschedule_core.errors import InvalidData
from enschedule_core.plugins import load_handlers
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.testing import run_handler
from enschedule_log_handler import log_handler, log_job


@pytest.mark.parametrize("message", ["some message", "två\nrader", "", "x" * 100_000])
def test_it_prints_the_message(message: str) -> None:
    ran = run_handler(log_job, {"message": message})
    assert (ran.status, ran.stdout, ran.stderr) == (RunStatus.SUCCEEDED, message + "\n", "")


def test_its_example_runs() -> None:
    assert log_job.example is not None
    assert run_handler(log_job, log_job.example).stdout == "some message\n"


@pytest.mark.parametrize(
    ("data", "field"), [({}, "data.message"), ({"message": 5}, "data.message"), ({"a": 1}, "data.a")]
)
def test_wrong_data_names_the_field(data: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidData) as error:
        log_job.load(data)
    assert field in [one.field for one in error.value.errors]
    assert run_handler(log_job, data).outcome.kind is OutcomeKind.INVALID_DATA


def test_it_is_found_like_anyones() -> None:
    [found] = load_handlers(import_handlers="@enschedule/log-handler").handlers()
    assert found is log_job
    assert found.source is not None
    assert found.source.distribution == "enschedule-log-handler"


def test_a_scheduler_can_register_it() -> None:
    registry = Registry()
    log_handler(registry)
    assert registry.get("log-job", 1) is log_job
