"""fetch against a real server on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from enschedule_core.errors import InvalidData
from enschedule_core.plugins import load_handlers
from enschedule_core.registry import Registry
from enschedule_core.run import RunStatus
from enschedule_core.schema import validate_json_schema
from enschedule_core.testing import Ran, run_handler
from enschedule_fetch_handler import fetch, fetch_handler
from enschedule_fetch_handler.fetching import BODY_MAX_BYTES

#: A key and a certificate that nobody trusts, made for these tests only
CERTIFICATE = Path(__file__).parent / "loopback.pem"


class Server(BaseHTTPRequestHandler):
    """Answers by path, as its methods say: /status/503, /redirect/3, /to/<url>, /big, /drip; else with an echo."""

    seen: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []
    over: ClassVar[threading.Event] = threading.Event()

    def log_message(self, *_: Any) -> None:
        """Say nothing: stderr is what a handler writes."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.seen.append((self.command, self.path, dict(self.headers.items()), body))
        _, kind, *rest = self.path.split("/", 2)
        getattr(self, f"answer_{kind}", self.answer_echo)(*rest)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = do_GET  # noqa: N815

    def answer_echo(self, *_: str) -> None:
        self.answer(200, f"{self.command} hallå".encode(), Content_Type="text/plain")

    def answer_status(self, status: str) -> None:
        self.answer(int(status), b"as asked\n")

    def answer_redirect(self, count: str) -> None:
        left = int(count)
        self.answer(302, Location=f"/redirect/{left - 1}" if left > 1 else "/end")

    def answer_to(self, target: str) -> None:
        self.answer(302, Location=target)

    def answer_big(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(BODY_MAX_BYTES // 65536 + 16):
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def answer_drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.over.wait(0.05):
                self.wfile.write(b".")
        except OSError:
            pass

    def answer_silent(self) -> None:
        self.over.wait(60)

    def answer_binary(self) -> None:
        self.answer(200, b"\x89PNG\x00\x01", Content_Type="image/png")

    def answer_latin(self) -> None:
        self.answer(200, "smörgås\n".encode("latin-1"), Content_Type="text/plain; charset=iso-8859-1")

    def answer_odd(self) -> None:
        self.answer(200, b"abc \xff\n", Content_Type="text/plain; charset=base64")

    def answer_nothing(self) -> None:
        self.close_connection = True


class QuietServer(ThreadingHTTPServer):
    """A client that goes away in the middle is what some of these tests are about."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(address: str, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with QuietServer((address, 0), Server) as httpd:
        if tls is not None:
            httpd.socket = tls.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
        thread.start()
        yield httpd.server_port
        httpd.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    Server.over.clear()
    with serving("127.0.0.1") as port:
        yield f"http://127.0.0.1:{port}"
        Server.over.set()


@pytest.fixture(scope="module")
def tls_server() -> Iterator[str]:
    """Serve TLS on every loopback address, with a certificate for localhost and 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with serving("0.0.0.0", context) as port:
        yield f"https://localhost:{port}"


@pytest.fixture(autouse=True)
def _allow_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "127.0.0.0/8,::1")
    Server.seen.clear()


def run(url: str, **data: Any) -> Ran:
    return run_handler(fetch, {"url": url, **data})


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class TestAnswers:
    def test_status_headers_and_body_are_printed(self, server: str) -> None:
        ran = run(f"{server}/x")
        lines = ran.stdout.splitlines()
        assert ran.status is RunStatus.SUCCEEDED
        assert lines[:2] == [f"GET {server}/x", "HTTP/1.0 200 OK"]
        assert "content-type: text/plain" in [line.lower() for line in lines]
        assert lines[-2:] == ["", "GET hallå"]
        assert ran.result == {"status": 200, "url": f"{server}/x", "bytes": len("GET hallå".encode())}
        assert ran.stderr == ""

    @pytest.mark.parametrize("method", ["get", "Post", "PUT", "patch", "delete", "options"])
    def test_methods_in_any_case(self, server: str, method: str) -> None:
        assert run(server, method=method).stdout.splitlines()[-1] == f"{method.upper()} hallå"

    def test_head_has_no_body(self, server: str) -> None:
        ran = run(server, method="head")
        assert ran.status is RunStatus.SUCCEEDED
        assert "hallå" not in ran.stdout

    def test_headers_and_body_are_sent(self, server: str) -> None:
        run(server, method="post", headers={"X-Test": "5", "user-agent": "mine"}, body="smörgås")
        [(method, _, headers, body)] = Server.seen
        assert (method, headers["X-Test"], body) == ("POST", "5", "smörgås".encode())
        assert [value for name, value in headers.items() if name.lower() == "user-agent"] == ["mine"]
        assert headers["Host"] == server.removeprefix("http://")

    def test_a_password_in_the_url_is_used_but_not_shown(self, server: str) -> None:
        ran = run(server.replace("//", "//ada:secret@"))
        assert Server.seen[0][2]["Authorization"].startswith("Basic ")
        assert "secret" not in ran.stdout + str(ran.outcome)

    def test_the_servers_charset_counts(self, server: str) -> None:
        assert run(f"{server}/latin").stdout.endswith("\nsmörgås\n")
        assert run(f"{server}/odd").stdout.endswith("\nabc \ufffd\n")

    def test_what_is_not_text_is_not_printed(self, server: str) -> None:
        assert run(f"{server}/binary").stdout.endswith(
            "\n[6 bytes of image/png, not shown because they are not text]\n"
        )

    def test_a_large_body_is_cut(self, server: str) -> None:
        ran = run(f"{server}/big")
        assert ran.result["bytes"] == BODY_MAX_BYTES
        assert ran.stdout.endswith("[the body goes on after 10 MiB, the rest was not read]\n")


class TestStatus:
    @pytest.mark.parametrize("status", [200, 204, 299])
    def test_200_to_299_is_expected(self, server: str, status: int) -> None:
        assert run(f"{server}/status/{status}").status is RunStatus.SUCCEEDED

    @pytest.mark.parametrize("status", [304, 404, 503])
    def test_anything_else_fails_after_printing_and_may_be_retried(self, server: str, status: int) -> None:
        ran = run(f"{server}/status/{status}")
        assert (ran.status, ran.outcome.retry) == (RunStatus.FAILED, "policy")
        assert f"{server}/status/{status} answered {status}" in (ran.outcome.message or "")
        assert f"HTTP/1.0 {status}" in ran.stdout

    def test_what_is_expected_decides(self, server: str) -> None:
        assert run(f"{server}/status/404", expect_status=[404, 410]).status is RunStatus.SUCCEEDED
        assert run(server, expect_status=[404]).outcome.message == f"GET {server} answered 200 OK, expected 404"

    def test_redirects_are_followed_up_to_five(self, server: str) -> None:
        ran = run(f"{server}/redirect/5")
        assert ran.result["url"] == f"{server}/end"
        assert ran.stdout.count("HTTP/1.0 302") == 5
        ran = run(f"{server}/redirect/6")
        assert ran.status is RunStatus.FAILED
        assert "5 redirects" in (ran.outcome.message or "")
        assert len(Server.seen) == 12

    def test_a_redirect_that_is_expected_is_not_followed(self, server: str) -> None:
        assert run(f"{server}/redirect/2", expect_status=[302]).result["status"] == 302

    def test_a_redirect_elsewhere_is_refused(self, server: str) -> None:
        assert run(f"{server}/to/ftp://example.com/").status is RunStatus.FAILED
        assert run(f"{server}/to/file:///etc/passwd").status is RunStatus.FAILED


class TestNetwork:
    def test_a_refused_connection_fails_with_the_reason_and_may_be_retried(self) -> None:
        url = f"http://127.0.0.1:{closed_port()}/"
        ran = run(url)
        assert (ran.status, ran.outcome.retry) == (RunStatus.FAILED, "policy")
        assert ran.outcome.message == f"ConnectError: GET {url}: [Errno 111] Connection refused"

    def test_an_unknown_name_fails(self) -> None:
        message = run("http://no-such-host.invalid/").outcome.message or ""
        assert message.startswith(
            "ConnectError: GET http://no-such-host.invalid/: no-such-host.invalid cannot be resolved"
        )

    def test_no_answer_fails(self, server: str) -> None:
        assert (run(f"{server}/nothing").outcome.message or "").startswith("RemoteProtocolError: ")

    @pytest.mark.parametrize("path", ["silent", "drip"])
    def test_the_time_is_for_the_whole_fetch(self, server: str, path: str) -> None:
        started = time.monotonic()
        message = run(f"{server}/{path}", timeout_seconds=0.3).outcome.message or ""
        assert message.startswith(("ReadTimeout: ", "ConnectTimeout: "))
        assert time.monotonic() - started < 5

    def test_a_cancelled_run_stops(self, server: str) -> None:
        assert run_handler(fetch, {"url": f"{server}/silent"}, cancelled=True).status is RunStatus.CANCELLED


class TestTls:
    def test_an_untrusted_certificate_fails_unless_verification_is_off(self, tls_server: str) -> None:
        refused = run(f"{tls_server}/x")
        assert "certificate verify failed" in (refused.outcome.message or "")
        assert run(f"{tls_server}/x", verify=False).result["status"] == 200

    def test_a_trusted_certificate_is_checked_against_the_name(
        self, tls_server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection goes to an address; TLS must still be about the name."""
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert run(f"{tls_server}/x").result["status"] == 200
        wrong = run(f"{tls_server.replace('localhost', '127.0.0.2')}/x")
        assert "not valid for '127.0.0.2'" in (wrong.outcome.message or "")


# Names and spellings of 127.0.0.1: as they stand, as one number, octal, hex, short, and within IPv6.
LOOPBACK = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "2130706433",
    "017700000001",
    "0x7f.1",
    "0x7f000001",
    "127.1",
    "127.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "user:word@127.0.0.1",
]


class TestGuard:
    @pytest.fixture(autouse=True)
    def _guarded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE")

    @pytest.mark.parametrize("host", LOOPBACK)
    def test_no_spelling_of_loopback_is_connected_to(self, server: str, host: str) -> None:
        ran = run(server.replace("127.0.0.1", host))
        assert (ran.status, ran.outcome.retry) == (RunStatus.FAILED, "never")
        assert "ENSCHEDULE_FETCH_ALLOW_PRIVATE=127.0.0.1/32" in (ran.outcome.message or "")
        assert Server.seen == []

    @pytest.mark.parametrize("host", ["127.0.0.1.", "0177.0.0.1", "127.0.0.01", "①②⑦.⓪.⓪.①", "127。0。0。1"])
    def test_what_some_programs_take_for_loopback_reaches_nothing_here(
        self, server: str, monkeypatch: pytest.MonkeyPatch, host: str
    ) -> None:
        """Refused by the guard, or not an address at all; in a redirect too."""
        assert run(server.replace("127.0.0.1", host)).status is RunStatus.FAILED
        assert Server.seen == []
        monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "127.0.0.5/32")
        with serving("127.0.0.5") as port:
            ran = run(f"http://127.0.0.5:{port}/to/{server.replace('127.0.0.1', quote(host))}/")
        assert ran.status is RunStatus.FAILED
        assert len(Server.seen) == 1

    @pytest.mark.parametrize("host", [*LOOPBACK, "0", "0.0.0.0", "[::]", "[::1]", "169.254.169.254", "[fe80::1]"])
    def test_no_redirect_leads_to_this_machine(self, server: str, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
        """The first server is one that is allowed; what it redirects to is looked at by itself."""
        monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "127.0.0.5/32")
        with serving("127.0.0.5") as port:
            ran = run(f"http://127.0.0.5:{port}/to/{server.replace('127.0.0.1', host)}/")
        assert (ran.status, ran.outcome.retry) == (RunStatus.FAILED, "never")
        assert "is not a public address" in (ran.outcome.message or "")
        assert len(Server.seen) == 1

    def test_a_redirect_is_checked_again(self, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "127.0.0.1")
        ran = run(f"{server}/to/{server.replace('127.0.0.1', '127.0.0.2')}/")
        assert "127.0.0.2 is not a public address" in (ran.outcome.message or "")
        assert len(Server.seen) == 1

    def test_the_address_that_was_checked_is_the_one_connected_to(
        self, server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that resolves to something else the second time (DNS rebinding) is resolved only once."""
        monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "127.0.0.1")
        asked: list[str] = []
        real = socket.getaddrinfo

        def rebinding(host: Any, *arguments: Any, **named: Any) -> Any:
            if host == "rebind.example":
                asked.append(host)
                host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
            return real(host, *arguments, **named)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        ran = run(server.replace("127.0.0.1", "rebind.example"))
        assert ran.status is RunStatus.SUCCEEDED
        assert asked == ["rebind.example"]
        assert Server.seen[0][2]["Host"].startswith("rebind.example:")

    def test_proxies_of_the_environment_are_no_way_around(self, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", server)
        monkeypatch.setenv("ALL_PROXY", server)
        run("http://10.255.255.1/")
        assert Server.seen == []

    def test_a_wrong_setting_fails_the_run_and_is_named(self, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "perhaps")
        assert "ENSCHEDULE_FETCH_ALLOW_PRIVATE" in (run(server).outcome.message or "")


class TestData:
    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({}, "data.url"),
            ({"url": "ftp://example.com"}, "data.url"),
            ({"url": "example.com"}, "data.url"),
            ({"url": "http://"}, "data.url"),
            ({"url": "http://a\r\nb/"}, "data.url"),
            ({"url": "http://a", "method": "FETCH"}, "data.method"),
            ({"url": "http://a", "headers": {"a b": "x"}}, "data.headers.a b"),
            ({"url": "http://a", "headers": {"X-A": "x\r\nEvil: 1"}}, "data.headers.X-A"),
            ({"url": "http://a", "headers": {"X-A": "å"}}, "data.headers.X-A"),
            ({"url": "http://a", "timeout_seconds": 0}, "data.timeout_seconds"),
            ({"url": "http://a", "expect_status": [200, 99]}, "data.expect_status.1"),
            ({"url": "http://a", "verify": "perhaps"}, "data.verify"),
            ({"url": "http://a", "tiemout_seconds": 5}, "data.tiemout_seconds"),
        ],
    )
    def test_wrong_data_names_the_field(self, data: dict[str, Any], field: str) -> None:
        with pytest.raises(InvalidData) as error:
            fetch.load(data)
        assert [one.field for one in error.value.errors] == [field]

    def test_its_example_is_valid_for_both_ways_of_checking(self) -> None:
        schema = fetch.json_schema()
        assert schema is not None
        for data in (fetch.example or {}, {"url": "https://www.google.com", "method": "get"}):
            fetch.load(data)
            validate_json_schema(data, schema)

    def test_each_field_has_what_a_form_needs(self) -> None:
        schema = fetch.json_schema()
        assert schema is not None
        assert list(schema["properties"]) == [
            "url", "method", "headers", "body", "timeout_seconds", "expect_status", "verify"
        ]  # fmt: skip
        assert all(one["title"] and one["description"] for one in schema["properties"].values())


def test_it_is_found_like_anyones_and_can_be_registered_by_a_scheduler() -> None:
    assert load_handlers(import_handlers="@enschedule/fetch-handler").handlers() == (fetch,)
    registry = Registry()
    fetch_handler(registry)
    assert registry.get("fetch", 1) is fetch
