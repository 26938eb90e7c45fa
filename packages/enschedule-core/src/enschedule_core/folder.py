"""HANDLERS_DIR: its files as plugins, also while they are edited."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from enschedule_core import kept
from enschedule_core.registry import Registry
from enschedule_core.source import BrokenPlugin, Source

log = logging.getLogger("enschedule.plugins")
_Marks = dict[str, tuple[int, int, int]]


class HandlersFolder:
    """The plugins of one folder in a registry. ``texts`` is what their files said, by absolute path.

    Every ``*.py`` in the folder is a plugin, those that begin with ``_`` left out: they are for the others to import,
    as are packages in the folder.
    """

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.path = folder.absolute()
        self._name = str(self.path)
        self._registry = registry
        self._marks: _Marks = {}  # of nothing, so that what is edited before the first look counts
        self._unsettled: _Marks | None = None
        self._is_missing = False
        self.texts = registry.folder_texts.get(self._name, {})
        self._seen = self.texts
        self._look()  # whether it can be read

    def load(self) -> None:
        """Load the plugins for the first time."""
        self.texts = self._seen = kept.read(self.path)
        kept.keep(self._name, self.texts)
        self._registry.folder_texts = {self._name: self.texts}
        for source in self._plugins(self.texts):
            self._registry.load_source(source, name=Path(source.path or "").name)

    def refresh(self) -> bool:
        """Load what has changed since the last time; return whether the registry is another one now.

        A change is taken up when the files have been the same twice in a row, because editors write in steps. What
        breaks by it keeps the handlers that it had, and is noted as broken; a file that is gone takes its own along.
        """
        try:
            marks = self._look()
        except OSError as problem:
            if not self._is_missing:
                log.warning("HANDLERS_DIR cannot be read, so its handlers stay as they are: %s", problem)
            self._is_missing = True
            return False
        self._is_missing = False
        if marks == self._marks or marks != self._unsettled:
            self._unsettled = marks
            return False
        try:
            texts = kept.read(self.path)
        except OSError as problem:  # one that was there a moment ago; next time then
            log.warning("HANDLERS_DIR: %s", problem)
            return False
        self._marks = marks
        if texts == self._seen:
            return False
        self._seen = texts
        self._take(texts)
        return True

    def _look(self) -> _Marks:
        marks = {}
        for path in kept.python_files(self.path):
            found = path.stat()
            marks[str(path)] = (found.st_mtime_ns, found.st_size, found.st_ino)
        return marks

    def _plugins(self, texts: Mapping[str, bytes]) -> list[Source]:
        paths = [Path(path) for path in sorted(texts)]
        return [
            Source("file", path.stem, path=str(path))
            for path in paths
            if path.parent == self.path and not path.name.startswith("_")
        ]

    def _take(self, texts: dict[str, bytes]) -> None:
        """Make the registry that of ``texts``, or as near to it as leaves nobody without handlers."""
        before = kept.forget_modules(self._name)
        first = self._attempt(texts)
        chosen, made, spoilt = texts, first, self._spoilt(first, texts)
        for older in (self._with_old(texts, spoilt), self._with_old(texts, spoilt, helpers=True)):
            if not spoilt:
                break
            chosen, made = older, self._attempt(older)
            spoilt = self._spoilt(made, texts)
        if spoilt:  # it does not even work as it was, beside what is new
            kept.forget_modules(self._name)
            sys.modules.update(before)
            kept.keep(self._name, self.texts)
            self._registry.note_broken(self._of_here(first.broken))
            return
        made.note_broken(self._of_here(first.broken))
        self.texts = chosen
        made.folder_texts = {self._name: chosen}
        self._registry.become(made)

    def _attempt(self, texts: Mapping[str, bytes]) -> Registry:
        kept.forget_modules(self._name)
        kept.keep(self._name, texts)
        made = self._registry.without(self._is_here)
        for source in self._plugins(texts):
            made.load_source(source, name=Path(source.path or "").name)
        return made

    def _spoilt(self, made: Registry, texts: Mapping[str, bytes]) -> set[str]:
        """Return the files that have handlers now, are still there, and would have none."""
        wanted = {source.path for source in self._plugins(texts)}
        had = {source.path for source in self._registry.sources if self._is_here(source)}
        have = {source.path for source in made.sources}
        return {path for path in (had & wanted) - have if path is not None}

    def _with_old(
        self, texts: Mapping[str, bytes], spoilt: Collection[str], *, helpers: bool = False
    ) -> dict[str, bytes]:
        """Return ``texts`` with those of ``spoilt`` as they were; with ``helpers``, also what plugins import."""
        if not helpers:
            return {path: self.texts[path] if path in spoilt else text for path, text in texts.items()}
        plugins = {source.path for source in self._plugins({**texts, **self.texts})}
        older = {path: text for path, text in self.texts.items() if path not in plugins or path in spoilt}
        return {path: text for path, text in texts.items() if path in plugins and path not in spoilt} | older

    def _is_here(self, source: Source) -> bool:
        return source.kind == "file" and (source.path or "").startswith(self._name + os.sep)

    def _of_here(self, broken: Collection[BrokenPlugin]) -> list[BrokenPlugin]:
        return [one for one in broken if self._is_here(one.source)]
