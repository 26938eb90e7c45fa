"""One suite for both ways to a worker: what an app sees and what a caller gets must not differ."""

from __future__ import annotations

import json
import threading

import httpx
import pytest
from werkzeug.wrappers import Request


def answer(start_response, body, status="200 OK", headers=()):
    start_response(status, [("Content-Type", "application/json"), *headers])
    return [json.dumps(body).encode()]


def show_request(environ, start_response):
    """Answer with what arrived."""
    request = Request(environ)
    shown = {
        "method": request.method,
        "path": request.path,
        "query": request.args.to_dict(flat=False),
        "body": request.get_data().decode(),
        "headers": {name: value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))},
        "scheme": environ["wsgi.url_scheme"],
        "multithread": environ["wsgi.multithread"],
        "remote_addr": environ["REMOTE_ADDR"],
    }
    return answer(start_response, shown)


def test_method_path_query_and_body_arrive(browse):
    sent = browse(show_request).put("/a/b?x=1&x=2&y=%26", content="hällo")
    shown = sent.json()
    assert (shown["method"], shown["path"], shown["body"]) == ("PUT", "/a/b", "hällo")
    assert shown["query"] == {"x": ["1", "2"], "y": ["&"]}
    assert shown["headers"]["CONTENT_LENGTH"] == "6"
    assert (shown["scheme"], shown["remote_addr"], shown["multithread"]) == ("http", "127.0.0.1", True)


@pytest.mark.parametrize("path", ["/日本/é", "/%E6%97%A5", "/a%20b", "/emoji-🕐"])
def test_a_path_may_hold_any_character(browse, path):
    assert browse(show_request).get(path).json()["path"] == httpx.URL(f"http://x{path}").path


def test_a_generator_body_arrives_whole(browse):
    sent = browse(show_request).post("/", content=(part for part in [b"one ", b"", b"two ", b"three"]))
    assert sent.json()["body"] == "one two three"


def test_a_generator_body_with_a_length_arrives_whole(browse):
    headers = {"Content-Length": "6"}
    sent = browse(show_request).post("/", content=(part for part in [b"abc", b"def"]), headers=headers)
    assert sent.json()["body"] == "abcdef"


def test_no_body_reads_as_empty(browse):
    assert browse(show_request).post("/").json()["body"] == ""


def test_repeated_request_headers_are_joined(browse):
    headers = [("X-Tag", "a"), ("X-Tag", "b")]
    shown = browse(show_request).get("/", headers=headers).json()
    assert shown["headers"]["HTTP_X_TAG"].replace(" ", "") == "a,b"


def test_an_underscore_cannot_fake_a_header(browse):
    shown = browse(show_request).get("/", headers={"X_API_Key": "stolen"}).json()
    assert "HTTP_X_API_KEY" not in shown["headers"]


def test_repeated_response_headers_stay_apart(browse):
    def app(_environ, start_response):
        return answer(start_response, None, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    assert browse(app).get("/").headers.get_list("Set-Cookie") == ["a=1", "b=2"]


def test_a_generator_app_may_start_late(browse):
    def app(_environ, start_response):
        start_response("201 Created", [("X-Late", "yes")])
        yield b"body"

    response = browse(app).get("/")
    assert (response.status_code, response.headers["X-Late"], response.content) == (201, "yes", b"body")


def test_what_is_written_comes_before_what_is_yielded(browse):
    def app(_environ, start_response):
        write = start_response("200 OK", [("Content-Length", "9")])
        write(b"one")
        write(b"two")
        return [b"end"]

    assert browse(app).get("/").content == b"onetwoend"


def test_exc_info_replaces_headers_that_were_not_sent(browse):
    def app(_environ, start_response):
        start_response("200 OK", [("X-Old", "1")])
        try:
            raise ValueError("too late")
        except ValueError as error:
            start_response("503 Busy", [("X-New", "1")], (type(error), error, error.__traceback__))
        return [b"busy"]

    response = browse(app).get("/")
    assert (response.status_code, response.content) == (503, b"busy")
    assert "X-New" in response.headers
    assert "X-Old" not in response.headers


def test_an_app_that_fails_is_a_500(browse):
    def app(_environ, _start_response):
        raise ZeroDivisionError("secret detail")

    response = browse(app).get("/")
    assert response.status_code == 500
    assert "secret detail" not in response.text


def test_an_app_that_fails_halfway_is_a_broken_answer(browse):
    closed = []

    class Body:
        def __iter__(self):
            yield b"some"
            raise ZeroDivisionError

        def close(self):
            closed.append(True)

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", "100")])
        return Body()

    with pytest.raises(httpx.RemoteProtocolError):
        browse(app).get("/")
    assert closed == [True]


def test_an_answer_shorter_than_it_said_is_a_broken_answer(browse):
    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", "10"), ("Connection", "close")])
        return [b"short"]

    with pytest.raises(httpx.RemoteProtocolError):
        browse(app).get("/")


def test_head_has_headers_and_no_body(browse):
    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", "4"), ("X-There", "1")])
        return [b"body"]

    response = browse(app).head("/")
    assert (response.headers["Content-Length"], response.headers["X-There"]) == ("4", "1")
    assert response.content == b""


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_body_has_none(browse, status):
    def app(_environ, start_response):
        start_response(status, [])
        return []

    response = browse(app).get("/")
    assert (response.status_code, response.content) == (int(status[:3]), b"")


def test_chunks_arrive_as_they_are_made(browse):
    """The app makes its second chunk only after the caller has got the first."""
    got_first = threading.Event()

    def app(_environ, start_response):
        start_response("200 OK", [])
        yield b"first"
        yield b"second" if got_first.wait(60) else b"the first one was held back"

    with browse(app).stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        got_first.set()
        assert b"".join(chunks) == b"second"


def test_cookies_are_passed_on_as_sent(browse):
    assert browse(show_request).get("/", headers={"Cookie": "a=1; b=2"}).json()["headers"]["HTTP_COOKIE"] == "a=1; b=2"
