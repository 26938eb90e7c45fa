"""Which server a command talks to, with which key, and the file that remembers them."""

from __future__ import annotations

import json
import stat

import click
import pytest

from enschedule_cli.connection import find_target
from enschedule_cli.contexts import Context, Contexts
from enschedule_cli.main import cli
from enschedule_client import Client, InlineTransport
from enschedule_core.errors import Unauthenticated

NOTHING = {"url": None, "api_key": None, "context": None}


@pytest.fixture
def environ(tmp_path):
    """An environment whose context file knows prod (in use, with a key) and home (without one)."""
    found = {"ENSCHEDULE_CONTEXT_FILE": str(tmp_path / "made" / "contexts.json")}
    contexts = Contexts.of(found).with_context(Context("home", "http://127.0.0.1:3001"))
    contexts.with_context(Context("prod", "https://jobs.example.org", "prod-key")).save()
    return found


def target(environ, **options):
    found = find_target({**NOTHING, **options}, environ)
    return found.url, found.api_key


def test_the_default_is_this_machine(tmp_path):
    found = find_target(NOTHING, {"HOME": str(tmp_path)})
    assert (found.url, found.url_from, found.api_key, found.key_from) == (
        "http://127.0.0.1:3000",
        "default",
        None,
        None,
    )


def test_the_context_in_use_is_taken_with_its_key(environ):
    assert target(environ) == ("https://jobs.example.org", "prod-key")
    assert target(environ, context="home") == ("http://127.0.0.1:3001", None)


def test_the_environment_wins_over_the_context_and_options_over_all(environ):
    environ |= {"ENSCHEDULE_URL": "http://10.0.0.1:3000/", "ENSCHEDULE_API_KEY": "env-key"}
    assert target(environ) == ("http://10.0.0.1:3000", "env-key")
    assert target(environ, context="prod") == ("https://jobs.example.org", "prod-key")
    assert target(environ, url="http://10.0.0.2", api_key="own") == ("http://10.0.0.2", "own")


def test_the_key_of_a_context_goes_nowhere_else(environ):
    assert target(environ, url="http://evil.example.org") == ("http://evil.example.org", None)
    assert target(environ, url="http://evil.example.org", context="prod") == ("http://evil.example.org", None)
    assert target(environ | {"ENSCHEDULE_URL": "http://evil.example.org"}) == ("http://evil.example.org", None)
    assert target(environ, url="https://jobs.example.org/") == ("https://jobs.example.org", "prod-key")


def test_a_key_comes_from_a_file_too(environ, tmp_path):
    (tmp_path / "key").write_text("file-key\n")
    assert target(environ | {"ENSCHEDULE_API_KEY_FILE": str(tmp_path / "key")})[1] == "file-key"
    with pytest.raises(click.UsageError, match="ENSCHEDULE_API_KEY_FILE"):
        target(environ | {"ENSCHEDULE_API_KEY_FILE": str(tmp_path / "none")})


def test_a_context_that_is_not_there_is_named_with_those_that_are(environ):
    with pytest.raises(click.UsageError, match=r"“work” \(there is: home, prod\)"):
        target(environ, context="work")


def test_the_key_is_never_shown(environ):
    contexts = Contexts.of(environ)
    assert "prod-key" not in repr(contexts)
    assert "prod-key" not in repr(find_target(NOTHING, environ))


def test_the_file_is_for_its_owner_alone(environ):
    path = Contexts.of(environ).path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["contexts.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"contexts": []}', '{"contexts": {"a": 1}}', "\x00"])
def test_a_file_that_is_something_else_is_named(environ, text):
    Contexts.of(environ).path.write_text(text)
    with pytest.raises(click.UsageError, match="not a context file"):
        Contexts.of(environ)


def test_what_it_holds_is_read_back(environ):
    found = Contexts.of(environ)
    assert found.current() == Context("prod", "https://jobs.example.org", "prod-key")
    found.without("prod").save()
    assert Contexts.of(environ).current() is None
    assert json.loads(found.path.read_text()) == {
        "current": None,
        "contexts": {"home": {"url": "http://127.0.0.1:3001"}},
    }


def test_without_a_variable_it_is_in_the_users_configuration(tmp_path):
    assert Contexts.of({"HOME": "/home/ada"}).path.as_posix() == "/home/ada/.config/enschedule/contexts.json"
    assert Contexts.of({"HOME": "/h", "XDG_CONFIG_HOME": str(tmp_path)}).path.parent == tmp_path / "enschedule"


# --- login, context, logout ---


def test_a_login_asks_for_the_key_checks_it_and_remembers(terminal):
    del terminal.environ["ENSCHEDULE_API_KEY"]
    refused = terminal("login", "http://one.example.org", input="wrong\n")
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert Contexts.of(terminal.environ).entries == {}
    done = terminal("login", "http://one.example.org", "--name", "one", input="cli-key\n")
    assert (done.exit_code, done.stdout) == (0, "one: http://one.example.org, as API key\n")
    assert "cli-key" not in done.output
    assert terminal("get", "schedules").exit_code == 0
    assert terminal.targets[-1].url == "http://one.example.org"


def test_a_login_without_a_key_where_one_is_wanted(terminal):
    del terminal.environ["ENSCHEDULE_API_KEY"]
    done = terminal("login", "http://one.example.org", input="")
    assert done.exit_code == 2
    assert "--api-key" in done.stderr


def test_contexts_are_listed_chosen_and_forgotten(terminal):
    terminal.ok("login", "http://one.example.org")
    terminal.ok("login", "http://two.example.org", "--name", "two")
    shown = terminal("context")
    assert shown.stdout.splitlines()[1:] == [
        "   one.example.org  http://one.example.org  a key",
        "*  two              http://two.example.org  a key",
    ]
    assert "In use: http://two.example.org (from context two)" in shown.stderr
    assert terminal.ok("context", "use", "one.example.org").startswith("one.example.org: in use")
    assert terminal("context", "use", "three").exit_code == 2
    terminal.ok("get", "handlers", "--context", "two")
    assert terminal.targets[-1].url == "http://two.example.org"
    assert terminal.ok("logout") == "one.example.org: forgotten\n"
    assert terminal.ok("logout", "two") == "two: forgotten\n"
    assert terminal("logout").exit_code == 2


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x"])
def test_a_context_has_a_plain_name(terminal, name):
    assert terminal("login", "http://one.example.org", f"--name={name}").exit_code == (0 if name == "" else 2)


# --- as a person ---

PASSWORD = "several words are good"


@pytest.fixture(scope="session")
def ada(worker):
    """An account, made once for the worker of these tests."""
    with Client(transport=InlineTransport(worker.app), api_key="cli-key") as client:
        return client.users.create("ada", PASSWORD, "admin")["name"]


def test_a_person_logs_in_and_out_on_the_server_too(terminal, ada):
    del terminal.environ["ENSCHEDULE_API_KEY"]
    refused = terminal("login", "http://one.example.org", "--user", ada, "--password-stdin", input="wrong\n")
    assert (refused.exit_code, "Name or password is not right" in refused.stderr) == (4, True)
    done = terminal("login", "http://one.example.org", "--user", ada, "--password-stdin", input=f"{PASSWORD}\n")
    assert (done.exit_code, done.stdout) == (0, "one.example.org: http://one.example.org, as ada\n")
    assert PASSWORD not in done.output
    contexts = Contexts.of(terminal.environ)
    token = contexts.current().token
    assert stat.S_IMODE(contexts.path.stat().st_mode) == 0o600
    assert PASSWORD not in contexts.path.read_text()
    assert token not in repr(contexts) + done.output
    assert terminal("get", "schedules").exit_code == 0
    shown = terminal("context")
    assert "a session" in shown.stdout
    assert "a session from context one.example.org" in shown.stderr
    other = terminal("get", "schedules", "--url", "http://evil.example.org")
    assert (other.exit_code, terminal.targets[-1].token) == (4, None), "a session goes to its own server only"
    assert terminal.ok("logout") == "one.example.org: logged out and forgotten\n"
    assert token not in contexts.path.read_text()
    with Client(transport=InlineTransport(terminal.worker.app), token=token) as client, pytest.raises(Unauthenticated):
        client.me()


def test_a_session_that_is_over_is_forgotten_all_the_same(terminal, ada):
    del terminal.environ["ENSCHEDULE_API_KEY"]
    terminal.ok("login", "http://one.example.org", "--user", ada, "--password-stdin", input=f"{PASSWORD}\n")
    with Client(transport=InlineTransport(terminal.worker.app), token=terminal.targets[-1].token) as client:
        client.sessions.delete_current()
    over = terminal("get", "schedules")
    assert (over.exit_code, "enschedule login" in over.stderr) == (4, True)
    assert terminal.ok("logout") == "one.example.org: logged out and forgotten\n"


def test_a_key_of_the_environment_wins_over_the_session_of_the_context_in_use(terminal, ada):
    given = ("login", "http://one.example.org", "--user", ada, "--password-stdin")
    terminal.ok(*given, input=f"{PASSWORD}\n")
    terminal.ok("get", "handlers")
    assert (terminal.targets[-1].api_key, terminal.targets[-1].token) == ("cli-key", None)
    terminal.ok("get", "handlers", "--context", "one.example.org")
    assert terminal.targets[-1].api_key is None
    assert terminal.targets[-1].token


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--password-stdin",), "--password-stdin needs --user"),
        (("--user", "ada", "--api-key", "k"), "not both"),
        (("--user", "ada"), "--password-stdin reads it from a pipe"),
    ],
)
def test_a_password_is_asked_for_on_a_terminal_or_read_from_a_pipe(terminal, options, said):
    done = terminal("login", "http://one.example.org", *options)
    assert (done.exit_code, said in done.stderr) == (2, True)


def test_no_command_takes_a_password_as_an_argument():
    context = click.Context(cli)
    names = [option for name in cli.list_commands(context) for option in _options(cli.get_command(context, name))]
    assert len(names) > 50
    assert [name for name in names if "password" in name] == ["--password-stdin"] * 3


def _options(command):
    for one in command.params:
        yield from one.opts
    for below in getattr(command, "commands", {}).values():
        yield from _options(below)
