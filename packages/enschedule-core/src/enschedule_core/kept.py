"""The texts of a folder's modules as they were read once, and importing them from there.

While a worker runs, files of HANDLERS_DIR may be edited at any moment, also halfway. So that a worker and its child
processes have the same handlers, the worker reads the files once and everybody imports what it has read. No bytecode is
cached for them: its files tell edits of the same second apart by size alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

#: What is imported instead of the file at that absolute path, by folder.
_kept: dict[str, dict[str, bytes]] = {}
_FILES_MAX = 1_000
_BYTES_MAX = 8 * 1024 * 1024


class Loader(SourceFileLoader):
    """Imports a kept text."""

    def get_data(self, path: str) -> bytes:
        """Return the text that was kept of ``path``."""
        text = text_of(path)
        return super().get_data(path) if text is None else text

    def path_stats(self, path: str) -> Mapping[str, object]:
        """Know nothing of the file: so no bytecode is looked for, nor written."""
        if text_of(path) is None:
            return super().path_stats(path)
        raise OSError(f"{path} is kept, whatever its file says")


class _Finder:
    """Finds the kept modules of one folder, and what else is in it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._others = FileFinder(
            folder, (ExtensionFileLoader, EXTENSION_SUFFIXES), (SourceFileLoader, SOURCE_SUFFIXES)
        )

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        base = os.path.join(self._folder, fullname.rpartition(".")[2])  # noqa: PTH118 - as the import system spells it
        package = os.path.join(base, "__init__.py")  # noqa: PTH118
        if text_of(package) is not None:
            loader = Loader(fullname, package)
            return spec_from_file_location(fullname, package, loader=loader, submodule_search_locations=[base])
        if text_of(f"{base}.py") is not None:
            return spec_from_file_location(fullname, f"{base}.py", loader=Loader(fullname, f"{base}.py"))
        return self._others.find_spec(fullname, target)

    def invalidate_caches(self) -> None:
        self._others.invalidate_caches()


def _hook(path: str) -> _Finder:
    # Not for all that is below: the folder may be that of a project, with a virtual environment in it.
    if any(path in _places(folder, texts) for folder, texts in _kept.items()):
        return _Finder(path)
    raise ImportError(f"nothing is kept of {path}")


def _places(folder: str, texts: Mapping[str, bytes]) -> set[str]:
    return {folder, *map(os.path.dirname, texts)}


def text_of(path: str) -> bytes | None:
    """Return what was kept of the file at an absolute path, ``None`` where nothing was."""
    return next((texts[path] for texts in _kept.values() if path in texts), None)


def keep(folder: str, texts: Mapping[str, bytes]) -> None:
    """Import ``texts`` (absolute path: text), and nothing else, for the ``.py`` files of ``folder`` from now on."""
    if _hook not in sys.path_hooks:
        sys.path_hooks.insert(0, _hook)
    places = _places(folder, _kept.get(folder, {})) | _places(folder, texts)
    _kept[folder] = dict(texts)
    for path in places:
        sys.path_importer_cache.pop(path, None)
    importlib.invalidate_caches()


def forget_modules(folder: str) -> dict[str, ModuleType]:
    """Take the kept modules of ``folder`` out of ``sys.modules``, so that they are imported anew, and return them.

    What else is below the folder stays, and so does the program itself, whose file may be one of them.
    """
    texts = _kept.get(folder, {})
    found = {
        name: module
        for name, module in list(sys.modules.items())
        if name != "__main__" and getattr(module, "__file__", None) in texts
    }
    for name in found:
        del sys.modules[name]
    return found


def python_files(folder: Path) -> list[Path]:
    """Return the ``.py`` files of ``folder`` and of the packages in it, sorted. Raises :class:`OSError`.

    At most 1,000 files of 8 MiB altogether: where packages are more than that, they are left out, as something else
    than what handlers import; where the folder's own files are, that is an error.
    """
    own = sorted(path for path in folder.iterdir() if path.suffix == ".py" and path.is_file())
    if not _is_little(own):
        raise OSError(f"it has more than {_FILES_MAX:,} .py files, or more than {_BYTES_MAX:,} bytes of them")
    with_packages = own + _of_packages(folder)
    return sorted(with_packages) if _is_little(with_packages) else own


def _of_packages(folder: Path) -> list[Path]:
    found: list[Path] = []
    waiting = _packages(folder)
    while waiting and len(found) <= _FILES_MAX:
        package = waiting.pop()
        found += [path for path in package.iterdir() if path.suffix == ".py" and path.is_file()]
        waiting += _packages(package)
    return found


def _packages(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.isidentifier() and (path / "__init__.py").is_file()]


def _is_little(files: Sequence[Path]) -> bool:
    return len(files) <= _FILES_MAX and sum(path.stat().st_size for path in files) <= _BYTES_MAX


def read(folder: Path) -> dict[str, bytes]:
    """Return the texts of :func:`python_files`. Raises :class:`OSError`."""
    return {str(path): path.read_bytes() for path in python_files(folder)}
