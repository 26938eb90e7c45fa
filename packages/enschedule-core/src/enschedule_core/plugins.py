"""Which plugins a process loads: ``IMPORT_HANDLERS``, ``HANDLERS_DIR``, and the installed entry points."""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import importlib_metadata as metadata

from enschedule_core.errors import ConfigurationError
from enschedule_core.folder import HandlersFolder
from enschedule_core.handler import Handler
from enschedule_core.hookspecs import PLUGIN_API
from enschedule_core.loading import Missing, PluginError, broken, newer_api
from enschedule_core.registrar import collecting
from enschedule_core.registry import Registry
from enschedule_core.source import BrokenPlugin, Source

__all__ = [
    "ENTRY_POINTS",
    "ENTRY_POINTS_WHEN_NAMED",
    "PLUGIN_API",
    "BrokenPlugin",
    "Source",
    "collecting",
    "load_handlers",
]

ENTRY_POINTS = "enschedule.handlers"
ENTRY_POINTS_WHEN_NAMED = "enschedule.handlers.named"
_EVERY_INSTALLED = "*"
_API_EXTRA = re.compile(r"plugin_api_(\d+)")  # importlib.metadata splits extras at everything but word characters
_EXAMPLE = "IMPORT_HANDLERS=enschedule-fetch-handler,my_package.handlers:ping,jobs/backup.py"


def load_handlers(
    *,
    import_handlers: str | None = None,
    handlers_dir: Path | None = None,
    extra: Iterable[Handler] = (),
    registry: Registry | None = None,
    installed: bool = True,
) -> Registry:
    """Return the registry that the settings describe.

    ``import_handlers`` (IMPORT_HANDLERS): comma-separated distributions (``enschedule-fetch-handler``, or as npm
    writes it, ``@enschedule/fetch-handler``), modules (``my_pkg.handlers``), names in modules
    (``my_pkg.handlers:ping``), and ``.py`` files; exactly these are loaded. ``None``, blank or an item ``*``: every
    installed entry point of the group ``enschedule.handlers``, by name; those of ``enschedule.handlers.named`` are
    loaded only where their distribution is named. ``handlers_dir`` (HANDLERS_DIR) adds each ``*.py`` in
    it, by name, those that begin with ``_`` left out. ``extra`` comes first: handlers of the program itself.
    ``registry`` is added to, where there is one. Without ``installed``, a blank ``import_handlers`` loads nothing.

    What is not there raises :class:`ConfigurationError`, which names the variable. What is there but cannot be
    loaded is listed in ``Registry.broken`` and logged, and the rest loads.
    """
    registry = Registry() if registry is None else registry
    for handler in extra:
        registry.register(handler)
    if import_handlers is None or not import_handlers.strip():
        if installed:
            _load_installed(registry)
    else:
        items = list(filter(None, (part.strip() for part in import_handlers.split(","))))
        for item in items:
            if item == _EVERY_INSTALLED:
                _load_installed(registry, but=[_normal(_without_scope(one)) for one in items])
            else:
                _load_item(registry, item)
    if handlers_dir is not None:
        load_folder(registry, handlers_dir)
    return registry


def _load_installed(registry: Registry, *, but: Iterable[str] = ()) -> None:
    """Load every installed entry point, except those of distributions that are named besides."""
    named = set(but)
    for entry_point in sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda one: (one.name, one.value)):
        if entry_point.dist is None or _normal(entry_point.dist.name) not in named:
            _load_entry_point(registry, entry_point)


def load_folder(registry: Registry, folder: Path) -> None:
    """Load the plugins of HANDLERS_DIR. Raises :class:`ConfigurationError` where it cannot be read."""
    opened = open_folder(registry, folder)
    try:
        opened.load()
    except OSError as error:
        raise _unreadable(folder, error) from None


def open_folder(registry: Registry, folder: Path) -> HandlersFolder:
    """Return the plugins of HANDLERS_DIR, not loaded yet; :class:`ConfigurationError` where it cannot be read."""
    if not folder.is_dir():
        kind = "is not a folder" if folder.exists() else "does not exist"
        raise ConfigurationError(
            f"HANDLERS_DIR: {folder} {kind}.", hint="Name a folder of .py files, for example HANDLERS_DIR=./jobs."
        )
    try:
        return HandlersFolder(registry, folder)
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"HANDLERS_DIR: {folder} cannot be read: {error.strerror or error}.",
        hint="Name a folder of .py files, for example HANDLERS_DIR=./jobs.",
    )


def _load_file(registry: Registry, path: Path) -> None:
    absolute = path.absolute()
    registry.load_source(Source("file", absolute.stem, path=str(absolute)), name=path.name)


def _load_entry_point(registry: Registry, entry_point: metadata.EntryPoint) -> None:
    distribution = entry_point.dist
    source = Source(
        "distribution",
        entry_point.module,
        entry_point.attr or None,
        distribution=distribution.name if distribution else entry_point.name,
        version=distribution.version if distribution else None,
    )
    wanted = _API_EXTRA.search("_".join(entry_point.extras))
    if wanted and int(wanted[1]) > PLUGIN_API:  # said outside the module, because a newer one may not even import
        error = PluginError(newer_api(int(wanted[1])))
        registry.add_broken(broken(source.distribution or source.name, source, error))
    else:
        registry.load_source(source, name=source.distribution)


def _load_item(registry: Registry, item: str) -> None:
    """Load one item of IMPORT_HANDLERS."""
    if item.endswith(".py"):
        path = Path(item).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"IMPORT_HANDLERS: there is no file {path.absolute()}.", hint=_hint(item))
        _load_file(registry, path)
        return
    name = _without_scope(item)
    entry_points = _entry_points_of(name)
    if entry_points:
        for entry_point in entry_points:
            _load_entry_point(registry, entry_point)
        return
    module, _, attribute = name.partition(":")
    if not _is_importable(module):
        raise ConfigurationError(f"IMPORT_HANDLERS: {item} is not installed.", hint=_hint(name))
    try:
        registry.load_source(Source("module", module, attribute or None), name=item, must_exist=True)
    except Missing as missing:
        near = difflib.get_close_matches(attribute or module, missing.known, n=1)
        hint = f"Did you mean {module}:{near[0]}?" if near else _hint(name)
        raise ConfigurationError(f"IMPORT_HANDLERS: {item}: {missing}.", hint=hint) from None


def _without_scope(item: str) -> str:
    """Return ``enschedule-x`` for ``@enschedule/x``, the name that its npm ancestor had."""
    if not item.startswith("@"):
        return item
    scope, _, name = item[1:].partition("/")
    if scope != "enschedule" or not name:
        raise ConfigurationError(
            f"IMPORT_HANDLERS: {item} is the name of an npm package.",
            hint=f"Name a Python distribution, a module or a .py file, for example {_EXAMPLE}.",
        )
    return f"enschedule-{name}"


def _entry_points_of(distribution: str) -> list[metadata.EntryPoint]:
    wanted = _normal(distribution)
    return sorted(
        (one for one in _offered() if one.dist is not None and _normal(one.dist.name) == wanted),
        key=lambda one: one.name,
    )


def _offered() -> Iterator[metadata.EntryPoint]:
    for group in (ENTRY_POINTS, ENTRY_POINTS_WHEN_NAMED):
        yield from metadata.entry_points(group=group)


def _normal(name: str) -> str:
    """Return the name of a distribution in the normal form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_importable(module: str) -> bool:
    """Return whether the top package of ``module`` exists; the working directory counts, after everything else."""
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return False
    if parts[0] in sys.modules:
        return True
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    importlib.invalidate_caches()
    return importlib.util.find_spec(parts[0]) is not None


def plugin_places(import_handlers: str | None = None) -> list[Path]:
    """Return the files and folders with the code of the plugins that ``import_handlers`` names, as far as they exist.

    Nothing of a plugin is imported for it: what counts is the top package of each module.
    """
    modules: dict[str, None] = {}
    found: dict[Path, None] = {}
    for item in filter(None, (part.strip() for part in (import_handlers or "").split(","))):
        if item.endswith(".py"):
            found[Path(item).expanduser().absolute()] = None
            continue
        entry_points = _entry_points_of(_without_scope(item))
        modules.update(
            dict.fromkeys(one.module for one in entry_points) if entry_points else {item.partition(":")[0]: None}
        )
    if not (import_handlers or "").strip():
        modules.update(dict.fromkeys(one.module for one in metadata.entry_points(group=ENTRY_POINTS)))
    for module in modules:
        top = module.split(".", 1)[0]
        spec = importlib.util.find_spec(top) if _is_importable(top) else None
        if spec is not None and spec.submodule_search_locations:
            found.update(dict.fromkeys(map(Path, spec.submodule_search_locations)))
        elif spec is not None and spec.origin is not None:
            found[Path(spec.origin)] = None
    return sorted(path for path in found if path.exists())


def _hint(item: str) -> str:
    """Return what could be meant by ``item``, what is installed, and a valid value."""
    installed = sorted(set(_installed()))
    wanted = item.lower()
    near = difflib.get_close_matches(wanted, installed, n=1) or [one for one in installed if wanted in one][:1]
    meant = f"Did you mean {near[0]}? " if near else ""
    listed = ", ".join(installed) or "no distribution with handlers"
    return f"{meant}Installed: {listed}. A valid value: {_EXAMPLE}"


def _installed() -> Iterator[str]:
    for entry_point in _offered():
        if entry_point.dist is not None:
            yield entry_point.dist.name
