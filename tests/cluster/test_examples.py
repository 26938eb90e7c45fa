"""The examples by which others know Enschedule, each as it was promised: in Python, as a plugin, as a script."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_kit import Program, Start

pytestmark = pytest.mark.cluster
CALM = {"ENSCHEDULE_LEASE_SECONDS": "45", "ENSCHEDULE_HEARTBEAT_SECONDS": "5", "HANDLERS_DIR": ""}

PLUGIN = """
from enschedule_core import handler, hookimpl
from marshmallow import Schema, fields

class Message(Schema):
    message = fields.String(required=True, metadata={"description": "Text to print"})

@handler(id="log-job", version=1, title="Log message", description="Will print the message on the server",
         data_schema=Message, example={"message": "some message"})
def log_job(data, context):        # `context` may be left out; `async def` works too
    print(data["message"])

@hookimpl
def enschedule_register_handlers(registry):
    registry.register(log_job)
"""

APP = """
import os
from enschedule_hub import create_handler, enschedule, InlineWorker, FileWorker, ExternalWorker
from marshmallow import Schema, fields

class Message(Schema):
    message = fields.String(required=True)

app = enschedule(
    api=True, dashboard=True, log_jobs=True,
    retry_strategy=lambda attempt: 5.0,          # seconds until the next attempt
    worker=InlineWorker(),                       # or FileWorker("worker.py"), ExternalWorker(url=…, api_key=…)
    handlers=[create_handler(id="log-job", version=1, title="Log message", data_schema=Message,
                             job=lambda data: print(data["message"]), example={"message": "some message"})],
)
if app:                # a Flask app; None where a worker's child process runs this file again for its handlers
    app.run(port=int(os.environ["PORT"]))
"""

SCRIPT = """
from enschedule_dashboard import scheduler, server
from enschedule_fetch_handler import fetch_handler
fetch_handler(scheduler)
scheduler.schedule(handler="fetch", data={"url": "https://www.example.com/"}, schedule="every 5 minutes", id="ping")
server.start()
"""


def says_hello(program: Program) -> None:
    """Run its log-job, and read what that printed; data that do not fit are refused by field."""
    run = program.call("POST", "runs", {"handler": "log-job@1", "data": {"message": "hello"}})["id"]
    program.wait_status(run, "succeeded")
    assert program.call("GET", f"runs/{run}/output")["items"][0]["text"] == "hello\n"
    status, said = program.ask("POST", "/api/v1/runs", {"handler": "log-job", "data": {}})
    assert (status, "data.message" in said) == (422, True)
    assert program.call("GET", "handlers/log-job")["example"] == {"message": "some message"}
    assert program.status("/") == 200
    assert program.stop() == 0


def test_the_examples_do_what_they_say(start: Start, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("plugin", "app", "script")}
    for name, text in (("plugin", PLUGIN), ("app", APP), ("script", SCRIPT)):
        folders[name].mkdir()
        (folders[name] / ("say.py" if name == "plugin" else "script.py")).write_text(text)
    plugin = start("up", folder=folders["plugin"], IMPORT_HANDLERS="./say.py", **CALM)
    app = start("script", folder=folders["app"], **CALM)
    script = start("script", folder=folders["script"], SQLITE="enschedule.db", **CALM)
    says_hello(plugin.ready())
    says_hello(app.ready())
    assert "hello" in app.log, "log_jobs"
    ping = script.ready().call("GET", "schedules/ping")
    assert (ping["handler"]["id"], ping["trigger"]["phrase"]) == ("fetch", "every 5 minutes")
    assert script.stop() == 0
