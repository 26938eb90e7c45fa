"""The set-up of a bare machine: whose index is used, what is downloaded, and when there is nothing to do."""

import base64
import hashlib
import http.server
import importlib.util
import json
import sys
import threading
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"
DEFAULT = "https://default.example/simple"
WHEEL = b"the wheel"
DIGEST = hashlib.sha256(WHEEL).hexdigest()


def load(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


package_index = load("package_index")
package_wheel = load("package_wheel")
bootstrap = load("bootstrap")


# --- Settings ---


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """An environment whose home and system folders are empty, whatever this machine has."""
    monkeypatch.setattr(package_index, "SYSTEM_FILE", tmp_path / "system.conf")
    return {
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
    }


def read(environ, configuration=""):
    Path(environ["PIP_CONFIG_FILE"]).write_text(configuration, encoding="utf-8")
    return package_index.read_settings(environ, DEFAULT)


def test_the_default_index_is_the_last_choice_and_is_not_handed_on(environ):
    settings = read(environ)

    assert settings.index == DEFAULT
    assert "UV_DEFAULT_INDEX" not in package_index.child_environment(settings)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "https://file.example/simple"),
        ({"UV_DEFAULT_INDEX": "https://uv.example/simple"}, "https://uv.example/simple"),
        ({"UV_DEFAULT_INDEX": "house=https://uv.example/simple"}, "https://uv.example/simple"),
        (
            {"UV_DEFAULT_INDEX": "https://uv.example/simple", "PIP_INDEX_URL": "https://pip.example/simple"},
            "https://pip.example/simple",
        ),
    ],
)
def test_the_environment_comes_before_the_files_and_pip_before_uv(environ, variables, expected):
    settings = read(environ | variables, "[global]\nindex-url = https://file.example/simple\n")

    handed_on = package_index.child_environment(settings)
    assert settings.index == handed_on["UV_DEFAULT_INDEX"] == handed_on["PIP_INDEX_URL"] == expected


def test_everything_pip_is_told_is_handed_on_to_uv(environ, tmp_path):
    (tmp_path / "wheels").mkdir()
    settings = read(
        environ,
        f"""
[global]
index_url = https://one.example/simple
extra-index-url =
    https://two.example/simple
    https://three.example/simple
find-links = {tmp_path}/wheels {tmp_path}/not-there
cert = /etc/ssl/house.pem
trusted-host = one.example
[install]
index-url = https://install.example/simple
""",
    )

    assert package_index.child_environment(settings) == {
        "UV_DEFAULT_INDEX": "https://install.example/simple",
        "PIP_INDEX_URL": "https://install.example/simple",
        "UV_INDEX": "https://two.example/simple https://three.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"{tmp_path}/wheels",
        "SSL_CERT_FILE": "/etc/ssl/house.pem",
        "UV_INSECURE_HOST": "one.example",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def test_a_broken_configuration_is_named(environ):
    with pytest.raises(package_index.IndexFault, match="pip's configuration cannot be read"):
        read(environ, "index-url without a section")


# --- Download ---


class Index(http.server.ThreadingHTTPServer):
    """A loopback index: `pages` by path, each (status, media type or Location, body); keeps what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.pages = {}
        self.asked = []
        self.base = f"http://127.0.0.1:{self.server_port}"

    def offer(self, *files, kind="application/vnd.pypi.simple.v1+json"):
        body = json.dumps({"files": list(files)}) if "json" in kind else "".join(files)
        self.pages["/simple/pip/"] = (200, kind, body.encode())
        self.pages["/files/pip-26.1-py3-none-any.whl"] = (200, "application/zip", WHEEL)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        status, kind, body = self.server.pages.get(self.path, (404, "text/plain", b""))
        self.send_response(status)
        self.send_header("Location" if status == 302 else "Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve():
    servers = []

    def start():
        servers.append(Index())
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def index(serve):
    return serve()


def file(name="pip-26.1-py3-none-any.whl", **changes):
    return {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": DIGEST}} | changes


def fetch(server, folder, *, login="", **settings):
    base = server.base.replace("//", f"//{login}")
    return package_wheel.fetch_wheel("pip", package_index.IndexSettings(f"{base}/simple", **settings), folder)


def test_the_newest_wheel_that_runs_here_is_taken_and_checked(index, tmp_path):
    index.offer(
        file("pip-9.0-py3-none-any.whl"),
        file(),
        file("pip-27.0-py3-none-any.whl", yanked="broken"),
        file("pip-28.0-py3-none-any.whl", **{"requires-python": ">=4.0"}),
        file("pip-29.0b1-py3-none-any.whl"),
        file("pip-30.0.tar.gz"),
        file("pip_tools-31.0-py3-none-any.whl"),
    )

    path = fetch(index, tmp_path / "new")

    assert path.name == "pip-26.1-py3-none-any.whl"
    assert path.read_bytes() == WHEEL


def test_an_index_of_html_pages_is_read_too(index, tmp_path):
    index.offer(
        f'<a href="../../files/pip-26.1-py3-none-any.whl#sha256={DIGEST}">pip</a>',
        f'<a href="/files/pip-27.0-py3-none-any.whl#sha256={DIGEST}" data-yanked="">pip</a>',
        f'<a href="/files/pip-28.0-py3-none-any.whl#sha256={DIGEST}" data-requires-python="&gt;=4.0">pip</a>',
        kind="text/html",
    )

    assert fetch(index, tmp_path).name == "pip-26.1-py3-none-any.whl"


@pytest.mark.parametrize("hashes", [{"sha256": "0" * 64}, {"md5": "0" * 32}])
def test_a_file_that_is_not_what_the_index_promised_is_not_used(index, tmp_path, hashes):
    index.offer(file(hashes=hashes))

    with pytest.raises(package_index.IndexFault, match="it was not used"):
        fetch(index, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_wheels_serves_a_machine_without_network(index, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "pip-26.1-py3-none-any.whl").write_bytes(WHEEL)

    path = fetch(index, tmp_path / "new", no_index=True, find_links=(str(wheels),))

    assert path.read_bytes() == WHEEL
    assert index.asked == []


def test_the_password_of_an_index_stays_with_it(serve, tmp_path):
    index, elsewhere = serve(), serve()
    elsewhere.pages["/pip-26.1-py3-none-any.whl"] = (200, "application/zip", WHEEL)
    index.offer(file())
    index.pages["/files/pip-26.1-py3-none-any.whl"] = (302, f"{elsewhere.base}/pip-26.1-py3-none-any.whl", b"")

    fetch(index, tmp_path, login="me:se%2Fcret@")

    login = f"Basic {base64.b64encode(b'me:se/cret').decode()}"
    assert index.asked == [("/simple/pip/", login), ("/files/pip-26.1-py3-none-any.whl", login)]
    assert elsewhere.asked == [("/pip-26.1-py3-none-any.whl", None)]


def test_an_index_without_the_project_is_said_without_its_password(index, tmp_path):
    with pytest.raises(package_index.IndexFault) as caught:
        fetch(index, tmp_path, login="me:secret@")

    assert str(caught.value).startswith(
        f"no wheel of pip for this Python at {index.base}/simple/pip/. Set PIP_INDEX_URL"
    )


def test_a_refusal_is_said_with_the_setting_to_look_at(index, tmp_path):
    index.pages["/simple/pip/"] = (403, "text/plain", b"")

    with pytest.raises(package_index.IndexFault, match=r"cannot be read: Forbidden\. Set PIP_INDEX_URL"):
        fetch(index, tmp_path)


# --- Up to date or not ---


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "packages" / "one").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool]\n", encoding="utf-8")
    (tmp_path / "packages" / "one" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    return tmp_path


def test_a_changed_requirement_makes_the_environment_out_of_date(checkout):
    before = bootstrap.fingerprint(checkout)
    unchanged = bootstrap.fingerprint(checkout)
    (checkout / "packages" / "one" / "pyproject.toml").write_text("[project]\ndependencies = []\n", encoding="utf-8")

    assert before == unchanged != bootstrap.fingerprint(checkout)


def test_a_moved_checkout_is_out_of_date(checkout):
    before = bootstrap.fingerprint(checkout)

    assert bootstrap.fingerprint(checkout.rename(checkout.with_name("moved"))) != before


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [("dev abc\n", "dev"), ("run abc\n", "run"), ("dev other\n", None), ("", None), ("one two three", None)],
)
def test_the_stamp_counts_only_when_it_fits(tmp_path, stamp, expected):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "bootstrap.stamp").write_text(stamp, encoding="utf-8")

    assert bootstrap.installed_group("abc", tmp_path / "bootstrap.stamp") == expected


def test_an_environment_that_was_removed_is_not_up_to_date(tmp_path):
    (tmp_path / "bootstrap.stamp").write_text("dev abc\n", encoding="utf-8")

    assert bootstrap.installed_group("abc", tmp_path / "bootstrap.stamp") is None
