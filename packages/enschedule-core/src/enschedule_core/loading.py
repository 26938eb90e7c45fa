"""Importing one plugin and collecting its handlers."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import re
import runpy
import sys
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from enschedule_core.errors import EnscheduleError
from enschedule_core.failure import describe, one_line, traceback_text
from enschedule_core.handler import Handler
from enschedule_core.hookspecs import PLUGIN_API, PROJECT
from enschedule_core.kept import Loader, text_of
from enschedule_core.registrar import Registration, collect
from enschedule_core.source import BrokenPlugin, Source

MAIN_NAME = "__enschedule_main__"
SLOW_IMPORT_SECONDS = 10.0

log = logging.getLogger("enschedule.plugins")


class PluginError(Exception):
    """A plugin that imports but cannot be used; the message says why."""


class Missing(PluginError):
    """There is no such module, or no such name in it; ``known`` are the names that there are."""

    def __init__(self, message: str, known: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.known = tuple(known)


def load_plugin(source: Source, manager: pluggy.PluginManager) -> tuple[Handler, ...]:
    """Import ``source`` and return its handlers; the plugin stays registered with ``manager`` for its hooks.

    Whatever the plugin raises passes through. Handlers come from the hook ``enschedule_register_handlers``,
    else from a function ``register(worker)`` of the module, else they are its module-level handlers; those that
    the program registered while it ran (see :func:`enschedule_core.registrar.collecting`) come first.
    """
    with warn_if_slow(source), collect() as registration:
        plugin = import_source(source)
        _check_api(plugin)
        if not _collect_from_hooks(plugin, source, manager, registration):
            _collect_without_hooks(plugin, registration)
    return registration.handlers()


@contextmanager
def warn_if_slow(source: Source, seconds: float = SLOW_IMPORT_SECONDS) -> Iterator[None]:
    """Log a warning if the block takes longer than ``seconds``.

    The import is not given up: Python's import lock cannot be taken away, and many modules insist on the main
    thread. But whoever waits for the worker to start learns what it waits for.
    """
    message = "still importing %s after %g s; the start waits for it"
    timer = threading.Timer(seconds, log.warning, (message, source, seconds))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def import_source(source: Source) -> Any:
    """Return the module, or the object in it, that ``source`` names."""
    if source.kind == "code":
        raise PluginError("this handler was made at run time, in a place that cannot be imported again")
    if source.kind == "main":
        return _run_main(source)
    module = _import_file(Path(source.path)) if source.path else _import_module(source.name)
    if source.attribute is None:
        return module
    found: Any = module
    for part in source.attribute.split("."):
        if not hasattr(found, part):
            known = [name for name in dir(found) if not name.startswith("_")]
            raise Missing(f"{source.name} has no {source.attribute}", known)
        found = getattr(found, part)
    return found


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Missing(f"there is no module {error.name}") from error
        raise


def _import_file(path: Path) -> ModuleType:
    """Import a ``.py`` file under its own name if that finds it, else under a name made of its path.

    The folder is added at the end of ``sys.path``, so that files can import each other but hide nothing.
    """
    if text_of(str(path)) is None and not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    if path.stem.isidentifier() and _finds(path.stem, path):
        return importlib.import_module(path.stem)
    name = f"enschedule_file_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}_{zlib.crc32(str(path).encode()):08x}"
    if name in sys.modules:
        return sys.modules[name]
    loader = None if text_of(str(path)) is None else Loader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _finds(name: str, path: Path) -> bool:
    importlib.invalidate_caches()
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module without a spec, such as __main__
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin) == path


def _run_main(source: Source) -> ModuleType:
    """Run the program again under another name, so that ``if __name__ == "__main__"`` does not start it."""
    module = ModuleType(MAIN_NAME)
    sys.modules[MAIN_NAME] = module
    if source.name != "__main__":
        members = runpy.run_module(source.name, run_name=MAIN_NAME, alter_sys=False)
    else:
        folder = str(Path(source.path or "").parent)
        if folder not in sys.path:
            sys.path.append(folder)
        members = runpy.run_path(source.path or "", run_name=MAIN_NAME)
    vars(module).update(members)
    return module


def _check_api(plugin: Any) -> None:
    wanted = getattr(plugin, "ENSCHEDULE_PLUGIN_API", PLUGIN_API)
    if wanted > PLUGIN_API:
        raise PluginError(newer_api(wanted))


def newer_api(wanted: int) -> str:
    """Return why a plugin for the plugin API ``wanted`` cannot be used."""
    return f"it needs plugin API {wanted}, this Enschedule has {PLUGIN_API}: upgrade Enschedule"


def _collect_from_hooks(plugin: Any, source: Source, manager: pluggy.PluginManager, registration: Registration) -> bool:
    """Register ``plugin`` with ``manager`` and call its hook; return whether it has any hook of ours."""
    hooks = _hook_names(plugin, manager)
    if not hooks:
        return False
    unknown = sorted(name for name, optional in hooks.items() if not optional and not hasattr(manager.hook, name))
    if unknown:
        known = ", ".join(name for name in vars(manager.hook) if name.startswith(PROJECT))
        raise PluginError(f"there is no hook {', '.join(unknown)}; the hooks are {known}")
    if manager.is_registered(plugin):
        manager.unregister(plugin)
    manager.register(plugin, name=str(source))
    for implementation in manager.hook.enschedule_register_handlers.get_hookimpls():
        if implementation.plugin is plugin:
            offered = {"registry": registration}
            implementation.function(*(offered[name] for name in implementation.argnames))
    return True


def _hook_names(plugin: Any, manager: pluggy.PluginManager) -> dict[str, bool]:
    """Return the names of the hooks that ``plugin`` implements, and whether each is marked ``optionalhook``."""
    found = {name: manager.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
    return {
        opts.get("specname") or name: bool(opts.get("optionalhook")) for name, opts in found.items() if opts is not None
    }


def _collect_without_hooks(plugin: Any, registration: Registration) -> None:
    if isinstance(plugin, ModuleType):
        register = vars(plugin).get("register")
        if inspect.isfunction(register) and register.__module__ == plugin.__name__:
            register(registration)
        else:
            for value in list(vars(plugin).values()):
                if isinstance(value, Handler):
                    registration.register(value)
    elif isinstance(plugin, Handler):
        registration.register(plugin)
    elif isinstance(plugin, list | tuple):
        for value in plugin:
            registration.register(value)
    elif inspect.isroutine(plugin):
        plugin(registration)
    else:
        raise PluginError(
            f"it is neither a handler, nor a list of them, nor a function that registers some: {plugin!r:.99}"
        )
    if not registration.handlers():
        raise PluginError(
            "it has no handlers: it needs a function with @handler, a function register(worker), "
            "or the hook enschedule_register_handlers"
        )


def broken(name: str, source: Source, error: BaseException) -> BrokenPlugin:
    """Return the record of a plugin that raised ``error``, and write it to the log with its traceback."""
    ours = isinstance(error, PluginError | EnscheduleError)
    reason = one_line(str(error) if ours else describe(error))
    text = reason if ours else traceback_text(error)
    shown = "" if text == reason else f"\n{text.rstrip()}"
    log.error("plugin %s (%s) is broken and left out: %s%s", name, source, reason, shown)
    return BrokenPlugin(name, source, reason, text)
