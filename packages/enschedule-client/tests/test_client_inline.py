"""What only the transport within a process can get wrong."""

from __future__ import annotations

import gc
import itertools
from contextvars import ContextVar
from wsgiref.validate import validator

import flask
import httpx
import pytest

from enschedule_client import Client, InlineTransport

WHERE = ContextVar("where", default="nowhere")


def inline(app, **options):
    return httpx.Client(transport=InlineTransport(app, **options), base_url="http://worker.test:8080")


def show_environ(environ, start_response):
    keys = "SCRIPT_NAME PATH_INFO QUERY_STRING REMOTE_ADDR SERVER_NAME SERVER_PORT HTTP_HOST wsgi.url_scheme"
    shown = {key: environ[key] for key in keys.split()}
    shown |= {"inline": environ.get("enschedule.inline"), "forwarded": environ.get("HTTP_X_FORWARDED_FOR")}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [flask.json.dumps(shown).encode()]


class Closing:
    """An iterable that counts how often it is closed."""

    def __init__(self, chunks):
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self.chunks

    def close(self):
        self.closed += 1


def app_of(body, headers=()):
    def app(_environ, start_response):
        start_response("200 OK", list(headers))
        return body

    return app


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_the_standard_librarys_validator_has_no_complaint(method):
    @validator
    def app(environ, start_response):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        received = environ["wsgi.input"].read(size)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [received]

    content = b"some body" if method == "POST" else b""
    with inline(app) as http:
        assert http.request(method, "/x", content=content).content == content
    gc.collect()  # the validator complains about an iterable that was never closed when it is collected


def test_headers_are_there_before_the_first_chunk():
    def chunks():
        made.append(True)
        yield b"chunk"

    made = []
    with inline(app_of(chunks(), [("X-Now", "1")])).stream("GET", "/") as response:
        assert (response.headers["X-Now"], made) == ("1", [])
        assert response.read() == b"chunk"


def test_the_app_runs_in_a_context_of_its_own():
    """Its variables neither come from the caller nor stay with it, and last from the first step to close()."""
    seen = []

    class Body:
        def __iter__(self):
            seen.append(WHERE.get())
            token = WHERE.set("stepping")
            yield b"x"
            WHERE.reset(token)  # a ValueError in any other context than the one of set()
            yield b"y"

        def close(self):
            seen.append(WHERE.get())

    def app(_environ, start_response):
        seen.append(WHERE.get())
        WHERE.set("app")
        start_response("200 OK", [])
        return Body()

    token = WHERE.set("caller")
    try:
        assert inline(app).get("/").content == b"xy"
        assert WHERE.get() == "caller"
    finally:
        WHERE.reset(token)
    assert seen == ["nowhere", "app", "app"]


def test_streams_of_flask_apps_nest():
    """A dashboard streams what it reads from a worker's stream; each keeps its own ``current_app``."""
    worker, dashboard = flask.Flask("worker"), flask.Flask("dashboard")
    http = inline(worker)

    @worker.get("/output")
    def output():
        return flask.Response(flask.stream_with_context(f"{flask.current_app.name} {number}," for number in range(3)))

    @dashboard.get("/page")
    def page():
        def lines():
            with http.stream("GET", "/output") as first, http.stream("GET", "/output") as second:
                for left, right in zip(first.iter_text(), second.iter_text(), strict=True):
                    yield f"{flask.current_app.name}:{left}{right}"

        return flask.Response(flask.stream_with_context(lines()))

    expected = "".join(f"dashboard:worker {number},worker {number}," for number in range(3))
    assert inline(dashboard).get("/page").text == expected
    assert not flask.has_app_context()


def test_an_abandoned_flask_stream_is_ended_cleanly():
    worker = flask.Flask("worker")
    ended = []

    @worker.get("/")
    def endless():
        def endless_lines():
            try:
                while True:
                    yield "line"
            finally:
                ended.append(flask.current_app.name)

        return flask.Response(flask.stream_with_context(endless_lines()))

    with inline(worker).stream("GET", "/") as response:
        lines = response.iter_text()
        assert next(lines) == "line"
        assert ended == []
    assert ended == ["worker"]


def test_a_generator_body_runs_in_the_callers_context():
    def app(environ, start_response):
        WHERE.set("app")
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    def body():
        yield WHERE.get().encode()

    token = WHERE.set("caller")
    try:
        assert inline(app).post("/", content=body()).content == b"caller"
    finally:
        WHERE.reset(token)


def test_no_more_of_a_body_is_made_than_the_app_reads():
    def app(environ, start_response):
        environ["wsgi.input"].read(10)
        start_response("413 Too Large", [])
        return [b""]

    made = itertools.count()
    assert inline(app).post("/", content=(b"x" * 8 for _ in made)).status_code == 413
    assert next(made) < 3000  # it reads ahead by one buffer, and the generator is endless


def test_a_generator_app_may_yield_nothing_before_it_starts():
    def app(_environ, start_response):
        yield b""
        start_response("201 Created", [])
        yield b"body"

    response = inline(app).get("/")
    assert (response.status_code, response.reason_phrase, response.content) == (201, "Created", b"body")


def test_a_request_body_that_breaks_off_is_the_callers_own_error():
    def body():
        yield b"some"
        raise LookupError("mine")

    answered = Closing([b""])

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            environ["wsgi.input"].read()
        except OSError:
            return answered
        raise AssertionError("the app did not see that the body broke off")

    with pytest.raises(LookupError, match="mine"):
        inline(app).post("/", content=body())
    assert answered.closed == 1


def test_close_is_called_once_after_reading():
    body = Closing([b"a", b"b"])
    assert inline(app_of(body)).get("/").content == b"ab"
    assert body.closed == 1


def test_close_is_called_once_when_nothing_is_read():
    body = Closing([b"a"])
    with inline(app_of(body)).stream("GET", "/"):
        assert body.closed == 0
    assert body.closed == 1


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content")])
def test_close_is_called_where_no_body_is_passed_on(method, status):
    body = Closing([b"unwanted"])

    def app(_environ, start_response):
        start_response(status, [])
        return body

    assert inline(app).request(method, "/").content == b""
    assert body.closed == 1


def test_close_is_called_when_the_app_never_starts_its_answer():
    body = Closing([b""])
    assert inline(lambda _environ, _start_response: body).get("/").status_code == 500
    assert body.closed == 1


def test_a_failing_close_is_logged_and_changes_nothing(caplog):
    class Body(list):
        def close(self):
            raise OSError("disk")

    assert inline(app_of(Body([b"fine"]))).get("/").content == b"fine"
    assert "failed in close()" in caplog.text


def test_an_exception_is_a_problem_for_the_caller_and_a_traceback_in_the_log(caplog):
    def app(_environ, _start_response):
        raise ZeroDivisionError("inner detail")

    response = inline(app).get("/runs")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "internal"
    assert "inner detail" not in response.text
    assert "GET /runs failed" in caplog.text
    assert "ZeroDivisionError: inner detail" in caplog.text


@pytest.mark.parametrize("status", ["OK", ""], ids=["no number", "empty"])
def test_an_unusable_status_is_a_500(status):
    def app(_environ, start_response):
        start_response(status, [])
        return []

    assert inline(app).get("/").status_code == 500


def test_starting_twice_is_the_apps_mistake():
    def app(_environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    assert inline(app).get("/").status_code == 500


def test_headers_cannot_be_replaced_once_sent():
    def app(_environ, start_response):
        start_response("200 OK", [])

        def chunks():
            yield b"first"
            try:
                raise KeyError("original")
            except KeyError as error:
                start_response("500 Oops", [], (type(error), error, error.__traceback__))
            yield b"never"

        return chunks()

    with pytest.raises(httpx.RemoteProtocolError) as caught:
        inline(app).get("/")
    assert isinstance(caught.value.__cause__, KeyError)


def test_text_instead_of_bytes_is_the_apps_mistake(caplog):
    with pytest.raises(httpx.RemoteProtocolError):
        inline(app_of(["text"])).get("/")
    assert "yields bytes, not str" in caplog.text


def test_what_a_step_writes_comes_before_what_it_yields():
    def app(_environ, start_response):
        write = start_response("200 OK", [])

        def chunks():
            write(b"1")
            yield b"2"
            write(b"3")

        return chunks()

    assert inline(app).get("/").content == b"123"


def test_more_than_the_content_length_is_cut():
    assert inline(app_of([b"abc", b"def"], [("Content-Length", "4")])).get("/").content == b"abcd"


def test_the_app_sees_where_it_is_mounted():
    shown = inline(show_environ, script_name="/enschedule").get("/enschedule/api/v1/runs?q=a%20b").json()
    assert (shown["SCRIPT_NAME"], shown["PATH_INFO"]) == ("/enschedule", "/api/v1/runs")
    assert shown["QUERY_STRING"] == "q=a%20b"


@pytest.mark.parametrize("path", ["/elsewhere", "/enscheduled/x"])
def test_a_path_outside_the_mount_does_not_reach_the_app(path):
    response = inline(show_environ, script_name="/enschedule").get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_the_app_sees_scheme_and_host_of_the_url():
    http = httpx.Client(transport=InlineTransport(show_environ), base_url="https://dash.example")
    shown = http.get("/").json()
    assert (shown["wsgi.url_scheme"], shown["HTTP_HOST"], shown["SERVER_PORT"]) == ("https", "dash.example", "443")
    assert shown["inline"] is True


def test_cookies_in_several_headers_are_joined_as_cookies():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [environ["HTTP_COOKIE"].encode()]

    assert inline(app).get("/", headers=[("Cookie", "a=1"), ("Cookie", "b=2")]).content == b"a=1; b=2"


def test_the_app_sees_the_transports_address_and_no_forged_one():
    http = inline(show_environ, remote_addr="192.0.2.7")
    shown = http.get("/", headers={"X-Forwarded-For": "127.0.0.1"}).json()
    assert (shown["REMOTE_ADDR"], shown["forwarded"]) == ("192.0.2.7", "127.0.0.1")


def test_the_app_sees_the_browsers_address_as_its_peer():
    client = Client(transport=InlineTransport(show_environ), forwarded_for="203.0.113.9")
    shown = client.me()
    assert (shown["REMOTE_ADDR"], shown["forwarded"]) == ("203.0.113.9", None)
