"""run_handler, as plugin authors use it."""

from __future__ import annotations

import sys

import pytest

from enschedule_core import handler
from enschedule_core.errors import InvalidData
from enschedule_core.run import RunStatus
from enschedule_core.testing import run_handler


@handler(id="talk")
def talk(data, context):
    print("hallå", data.get("name"))
    sys.stdout.buffer.write(b"raw \xff\n")
    print("oops", file=sys.stderr)
    context.log.info("attempt %d of %s", context.attempt, context.schedule_id)
    context.progress(0.5, "half")
    return {"cancelled": context.cancelled}


def test_everything_a_handler_does_is_in_the_answer() -> None:
    ran = run_handler(talk, {"name": "Ada"}, attempt=2, schedule_id="daily", cancelled=True)
    assert ran.status is RunStatus.SUCCEEDED
    assert ran.stdout == "hallå Ada\nraw \ufffd\n"
    assert ran.stderr == "oops\nINFO attempt 2 of daily\n"
    assert ran.progress == ((0.5, "half"),)
    assert ran.result == {"cancelled": True}


def test_the_output_of_the_program_itself_is_restored(capsys: pytest.CaptureFixture[str]) -> None:
    run_handler(talk, {})
    print("mine")
    assert capsys.readouterr() == ("mine\n", "")


def test_old_data_goes_through_the_migrations() -> None:
    new = handler(id="greet", version=2)(lambda data: data)
    new.migrate(from_version=1)(lambda data: {"name": data["nom"]})
    assert run_handler(new, {"nom": "Ada"}, version=1).result == {"name": "Ada"}


def test_data_that_no_api_takes_is_refused() -> None:
    with pytest.raises(InvalidData):
        run_handler(talk, ["not an object"])
