"""The OpenAPI document: valid, and true of whatever is sent.

Schemathesis makes requests from the document, ones that fit it and ones that do not, and sends them to a server in
this process, over a SQLite database with schedules, runs, output and skips in it. No answer may be a fault (5xx), have
a status or a media type that its route does not document, or a body that does not fit the documented one; what does not
fit the document is refused, and so is a request without the key. ENSCHEDULE_TEST_EXAMPLES says how many requests each
operation gets, besides those for each boundary of the document, and ENSCHEDULE_TEST_SEED which ones.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.engine import events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from enschedule_core.handler import handler
from enschedule_core.registry import Registry
from enschedule_core.run import RunStatus
from enschedule_worker.api import streaming
from enschedule_worker.service import halting, output

KEY = {"X-API-Key": "correct-horse-battery"}
EXAMPLES = int(os.environ.get("ENSCHEDULE_TEST_EXAMPLES", "4"))
SEED = int(os.environ.get("ENSCHEDULE_TEST_SEED", "20261126"))
LONG_EXAMPLES = max(EXAMPLES, 100)
# What no document can say: whether text is a schedule, whether a handler is known, what was changed meanwhile.
REFUSED = ["400", "401", "404", "405", "409", "412", "415", "422"]
ACCEPTED = ["2xx", "401", "404", "409", "412", "422"]


@pytest.fixture
def registry(registry: Registry) -> Registry:
    """The handlers, and one by the name that the document has in its examples."""

    @handler(id="fetch")
    def fetch(data: Any) -> Any:
        return data

    registry.register(fetch)
    return registry


class Quiet(WSGIRequestHandler):
    """One connection for many requests, and nothing said about each."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(
    api: Any, make_api: Any, hourly: Any, stage: Any, sqlite_only: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of an API that wants a key, over schedules in several states, runs, output, a view, a group."""
    message = {"handler": "log-job", "data": {"message": "x"}}
    for number, schedule in enumerate(("every 5 minutes", "manual", "0 2 * * *", "2027-01-01T00:00:00Z")):
        api.ok("PUT", f"schedules/s{number}", {**message, "schedule": schedule, "tags": ["a"]})
    api.ok("POST", "schedules/s0/pause", {"reason": "holiday"})
    api.ok("DELETE", "schedules/s2")
    api.ok("PUT", "concurrency-groups", {"items": [{"name": "erp", "max_running": 2}]})
    api.ok("PUT", "views", {"items": [{"list": "runs", "name": "Failed", "filters": {"status": "failed"}}]})
    for _ in range(3):
        api.ok("POST", "schedules/s1/runs")
    first, second, _ = stage.claim()
    stage.print(first.id, "one\n", "two\n")
    stage.finish(first)
    stage.finish(second, RunStatus.FAILED)
    monkeypatch.setattr(streaming, "LONGEST_SECONDS", 0.1)
    monkeypatch.setattr(output, "LONGEST_SECONDS", 0.1)
    app = make_server("127.0.0.1", 0, make_api(loopback=False).app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=app.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{app.port}"
    app.shutdown()
    thread.join()
    app.server_close()


def mistakes(url: str, examples: int, only: str | None = None) -> tuple[list[str], Counter[str], set[str]]:
    """Send requests to every operation and check each answer.

    Returns what is wrong, how many requests were sent in each phase, and the operations that did what was asked.
    """
    config = schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "cache": {"enabled": False},  # or it leaves a folder behind
            "headers": KEY,
            "generation": {"max-examples": examples, "with-security-parameters": False, "database": "none"},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
        }
    )
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", config=config)
    if only is not None:
        schema = schema.include(path=only)
    found: dict[str, None] = {}
    sent: Counter[str] = Counter()
    done: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found[repr(event)] = None
        if not isinstance(event, events.ScenarioFinished):
            continue
        sent[event.phase.value] += len(event.recorder.interactions)
        done |= {
            event.recorder.cases[id].value.operation.label
            for id, one in event.recorder.interactions.items()
            if id in event.recorder.cases and one.response is not None and one.response.status_code < 300
        }
        for checks in event.recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    failure, how = check.failure_info.failure, check.failure_info.code_sample
                    found[f"{failure.operation}: {failure.title}: {failure.message}\n{how}"] = None
    return list(found), sent, done


def test_the_document_is_valid_openapi_3_1(api: Any) -> None:
    document = api.ok("GET", "openapi.json")
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    found = [one for path in document["paths"].values() for name, one in path.items() if name != "parameters"]
    assert len({one["operationId"] for one in found}) == len(found) > 40


@pytest.mark.parametrize(
    "change",
    [
        lambda found: {**found, "paused": "yes"},
        lambda found: {name: value for name, value in found.items() if name != "slots"},
        lambda _: 1 / 0,
    ],
    ids=["another type", "a member less", "a fault"],
)
def test_an_answer_that_is_not_documented_would_be_found(
    server: str, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = halting.get
    monkeypatch.setattr(halting, "get", lambda *given: change(original(*given)))
    found, *_ = mistakes(server, 1, only="/api/v1/pause")
    assert found


@pytest.mark.timeout(300)
def test_whatever_is_sent_the_answer_is_a_documented_one(server: str) -> None:
    found, sent, done = mistakes(server, EXAMPLES)
    print(dict(sent))
    assert not found, "\n\n".join(found)
    assert len(done) > 40, sorted(done)  # or what they answer was hardly looked at


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_whatever_is_sent_the_answer_is_a_documented_one_at_length(server: str) -> None:
    found, sent, _ = mistakes(server, LONG_EXAMPLES)
    print(dict(sent))
    assert not found, "\n\n".join(found)
