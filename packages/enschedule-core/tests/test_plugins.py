"""Which plugins are loaded, and what happens to those that cannot be."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from enschedule_core import PLUGIN_API, handler
from enschedule_core.errors import ConfigurationError, Conflict
from enschedule_core.loading import warn_if_slow
from enschedule_core.plugins import load_handlers
from enschedule_core.registry import Registry
from enschedule_core.source import Source

HANDLER = "from enschedule_core import handler\n@handler(id={id!r})\ndef {name}(data):\n    return {id!r}\n"
HOOK = (
    "from enschedule_core import handler, hookimpl\n"
    "@hookimpl\n"
    "def enschedule_register_handlers(registry):\n"
    "    registry.register(handler(id={id!r})(lambda data: {id!r}))\n"
)

Install = Callable[..., None]


def ids(registry: Registry) -> list[str]:
    return [one.id for one in registry.handlers()]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write a module into a folder on sys.path and, with a distribution's name, its metadata beside it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def write(module: str, code: str, *, distribution: str | None = None, value: str | None = None) -> None:
        (site / f"{module}.py").write_text(code)
        if distribution is not None:
            info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
            (info / "entry_points.txt").write_text(f"[enschedule.handlers]\n{module} = {value or module}\n")

    return write


class TestEntryPoints:
    def test_unset_loads_every_installed_plugin_and_a_broken_one_harms_nothing(
        self, install: Install, caplog: pytest.LogCaptureFixture
    ) -> None:
        install("ep_good", HOOK.format(id="good"), distribution="good-dist")
        install("ep_bad", "import sys\nsys.exit('licence expired')\n", distribution="bad-dist")
        registry = load_handlers()
        assert {"good", "fetch", "log-job"} <= set(ids(registry))
        [broken] = registry.broken
        assert (broken.name, broken.error) == ("bad-dist", "SystemExit: licence expired")
        assert broken.source == Source("distribution", "ep_bad", distribution="bad-dist", version="1.5")
        assert "ep_bad.py" in broken.traceback
        assert "ep_bad.py" in caplog.text

    def test_blank_is_unset(self) -> None:
        assert ids(load_handlers(import_handlers=" ")) == ids(load_handlers())

    def test_the_source_of_a_handler_is_its_distribution(self, install: Install) -> None:
        install("ep_attr", HANDLER.format(id="one", name="one"), distribution="attr-dist", value="ep_attr:one")
        [one] = load_handlers(import_handlers="attr-dist").handlers()
        assert one.source == Source("distribution", "ep_attr", "one", distribution="attr-dist", version="1.5")

    def test_a_plugin_for_a_newer_api_is_broken_with_that_reason(self, install: Install) -> None:
        newer = PLUGIN_API + 1
        install("ep_new", f"ENSCHEDULE_PLUGIN_API = {newer}\n" + HOOK.format(id="a"), distribution="new-dist")
        install("ep_extra", "raise AssertionError", distribution="extra-dist", value=f"ep_extra [plugin-api-{newer}]")
        registry = load_handlers(import_handlers="new-dist,extra-dist")
        assert [one.error for one in registry.broken] == [
            f"it needs plugin API {newer}, this Enschedule has {PLUGIN_API}: upgrade Enschedule"
        ] * 2

    def test_two_plugins_with_one_handler_the_second_is_broken_and_both_are_named(self, install: Install) -> None:
        install("ep_first", HOOK.format(id="same"), distribution="a-dist")
        install("ep_second", HOOK.format(id="same"), distribution="b-dist")
        registry = load_handlers(import_handlers="a-dist,b-dist")
        assert ids(registry) == ["same"]
        assert "a-dist 1.5 (ep_first)" in registry.broken[0].error
        assert "b-dist 1.5 (ep_second)" in registry.broken[0].error

    def test_a_keyboard_interrupt_stops_the_program(self, install: Install) -> None:
        install("ep_stop", "raise KeyboardInterrupt", distribution="stop-dist")
        with pytest.raises(KeyboardInterrupt):
            load_handlers(import_handlers="stop-dist")


class TestImportHandlers:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("enschedule-log-handler", ["log-job"]),
            ("Enschedule_Log.Handler", ["log-job"]),
            ("@enschedule/log-handler", ["log-job"]),
            ("@enschedule/log-handler, enschedule-fetch-handler,", ["fetch", "log-job"]),
            ("enschedule_log_handler:log_job", ["log-job"]),
            ("enschedule_fetch_handler:fetch_handler", ["fetch"]),
            ("enschedule-log-handler,enschedule_log_handler:log_job", ["log-job"]),
        ],
    )
    def test_exactly_what_is_named_is_loaded(self, value: str, expected: list[str]) -> None:
        registry = load_handlers(import_handlers=value)
        assert ids(registry) == expected
        assert registry.broken == ()

    def test_a_module_of_the_working_directory_and_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "cwd_package").mkdir()
        (tmp_path / "cwd_package" / "handlers.py").write_text(HANDLER.format(id="inside", name="inside"))
        (tmp_path / "my-file.py").write_text(HANDLER.format(id="by-file", name="by_file"))
        assert ids(load_handlers(import_handlers="cwd_package.handlers,my-file.py")) == ["by-file", "inside"]

    def test_a_list_of_handlers(self, install: Install) -> None:
        install("im_list", "from enschedule_core import handler\nALL = [handler(id=i)(print) for i in 'ab']\n")
        assert ids(load_handlers(import_handlers="im_list:ALL")) == ["a", "b"]

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ("enschedule-fetch-handlr", "Did you mean enschedule-fetch-handler?"),
            ("fetch", "Did you mean enschedule-fetch-handler?"),
            ("no_such_module.handlers", "is not installed"),
            ("enschedule_log_handler.nothing", "there is no module enschedule_log_handler.nothing"),
            ("enschedule_log_handler:log_jb", "Did you mean enschedule_log_handler:log_job?"),
            ("@acme/fetch-handler", "npm package"),
            ("jobs/none.py", "there is no file"),
        ],
    )
    def test_what_is_not_there_is_a_wrong_setting(self, value: str, says: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            load_handlers(import_handlers=value)
        assert str(error.value).startswith("IMPORT_HANDLERS: ")
        assert says in str(error.value)

    @pytest.mark.parametrize(
        ("code", "says"),
        [
            ("import no_such_dependency\n", "ModuleNotFoundError: No module named 'no_such_dependency'"),
            ("def broken(:\n", "SyntaxError"),
            ("raise BaseException\n", "BaseException"),
            ("from enschedule_core import handler\nhandler(id='Bad Id')(print)\n", "ValueError: a handler id is"),
            ("nothing = 1\n", "it has no handlers"),
            (
                "from enschedule_core import hookimpl\n@hookimpl\ndef enschedule_register_handler(registry): ...\n",
                "the hooks are enschedule_register_executors, enschedule_register_handlers",
            ),
            (
                "from enschedule_core import hookimpl\n@hookimpl\ndef enschedule_register_handlers(register): ...\n",
                "PluginValidationError",
            ),
        ],
    )
    def test_what_is_there_but_broken_is_reported(
        self, install: Install, code: str, says: str, request: pytest.FixtureRequest
    ) -> None:
        module = f"im_broken_{abs(hash(request.node.name))}"
        install(module, code)
        registry = load_handlers(import_handlers=f"{module},enschedule-log-handler")
        assert ids(registry) == ["log-job"]
        assert says in registry.broken[0].error
        assert registry.broken[0].name == module


class TestModulesWithoutAHook:
    def test_register_is_called_with_something_that_has_register_job(self, install: Install) -> None:
        install(
            "wh_register",
            "from marshmallow import Schema, fields\n"
            "class Message(Schema):\n"
            "    message = fields.String(required=True)\n"
            "def register(worker):\n"
            "    worker.register_job(id='log', title='Log', data_schema=Message,\n"
            "        job=lambda data: data['message'], description='d', example={'message': 'm'}, version=2)\n",
        )
        [one] = load_handlers(import_handlers="wh_register").handlers()
        assert (one.id, one.version, one.example) == ("log", 2, {"message": "m"})
        assert one.source == Source("module", "wh_register")

    def test_somebody_elses_function_called_register_is_not(self, install: Install) -> None:
        install("wh_atexit", "from atexit import register\n" + HANDLER.format(id="mine", name="mine"))
        assert ids(load_handlers(import_handlers="wh_atexit")) == ["mine"]


class TestHandlersDir:
    def test_adds_each_file_in_order_but_not_those_with_an_underscore(self, tmp_path: Path) -> None:
        (tmp_path / "_dir_shared.py").write_text("NAME = 'from-b'\n")
        (tmp_path / "b-file.py").write_text(
            "from enschedule_core import handler\nimport _dir_shared\nx = handler(id=_dir_shared.NAME)(print)\n"
        )
        (tmp_path / "a_dir_file.py").write_text(HANDLER.format(id="from-a", name="a"))
        (tmp_path / "broken_dir_file.py").write_text("1 / 0\n")
        (tmp_path / "notes.txt").write_text("not Python")
        registry = load_handlers(import_handlers="enschedule-log-handler", handlers_dir=tmp_path)
        assert ids(registry) == ["from-a", "from-b", "log-job"]
        assert [(one.name, one.error) for one in registry.broken] == [
            ("broken_dir_file.py", "ZeroDivisionError: division by zero")
        ]

    def test_a_file_may_import_another_ones_handlers(self, tmp_path: Path) -> None:
        (tmp_path / "dir_base.py").write_text(HANDLER.format(id="base", name="base"))
        (tmp_path / "dir_uses.py").write_text("from dir_base import base\n" + HANDLER.format(id="uses", name="uses"))
        registry = load_handlers(import_handlers="enschedule-log-handler", handlers_dir=tmp_path)
        assert ids(registry) == ["base", "log-job", "uses"]
        assert registry.broken == ()

    def test_a_file_named_like_a_library_is_still_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "json.py").write_text(HANDLER.format(id="json-file", name="x"))
        registry = load_handlers(import_handlers="enschedule-log-handler", handlers_dir=tmp_path)
        assert ids(registry) == ["json-file", "log-job"]

    def test_a_missing_folder_is_a_wrong_setting(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"HANDLERS_DIR: .*none does not exist"):
            load_handlers(handlers_dir=tmp_path / "none")
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError, match="is not a folder"):
            load_handlers(handlers_dir=tmp_path / "file")


class TestExtra:
    def test_handlers_of_the_program_come_first(self) -> None:
        mine = handler(id="log-job")(print)
        registry = load_handlers(import_handlers="enschedule-log-handler", extra=[mine])
        assert registry.handlers() == (mine,)
        assert "log-job@1" in registry.broken[0].error

    def test_two_of_one_id_and_version_are_refused(self) -> None:
        with pytest.raises(Conflict):
            load_handlers(extra=[handler(id="x")(print), handler(id="x")(print)])


def test_a_slow_import_is_said_while_it_lasts() -> None:
    said = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "still importing slow_plugin" in record.getMessage():
                said.set()

    listener = Listener()
    logging.getLogger("enschedule.plugins").addHandler(listener)
    try:
        with warn_if_slow(Source("module", "slow_plugin"), 0.01):
            assert said.wait(60)
    finally:
        logging.getLogger("enschedule.plugins").removeHandler(listener)
