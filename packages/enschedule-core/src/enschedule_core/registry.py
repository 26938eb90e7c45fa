"""The handlers of one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

from enschedule_core import hookspecs
from enschedule_core.errors import Conflict
from enschedule_core.handler import Handler
from enschedule_core.loading import Missing, broken, load_plugin
from enschedule_core.registrar import as_handler
from enschedule_core.schema import encode_json
from enschedule_core.source import BrokenPlugin, Source, source_of

if TYPE_CHECKING:
    from marshmallow import Schema


class Registry:
    """The handlers of one process by id and version, where each came from, and the plugins that broke."""

    def __init__(self) -> None:
        self.pm = pluggy.PluginManager(hookspecs.PROJECT)
        self.pm.add_hookspecs(hookspecs)
        self._handlers: dict[tuple[str, int], Handler] = {}
        self._sources: dict[tuple[str, int], Source] = {}
        self._loaded: dict[Source, None] = {}
        self._broken: list[BrokenPlugin] = []
        #: what the files of HANDLERS_DIR said when they were loaded: for each folder, text by path
        self.folder_texts: dict[str, dict[str, bytes]] = {}

    def register(self, handler: Handler, *, source: Source | None = None) -> Handler:
        """Add ``handler``; the same object twice is once.

        Another one of its id and version raises :class:`Conflict`, which names both sources. ``source`` is found
        out if it is not given. A schema that cannot be written as JSON Schema raises what the conversion raised.
        """
        if not isinstance(handler, Handler):
            raise TypeError(f"register() takes what @handler made, not {handler!r}")
        found = source or handler.source or source_of(handler)
        self._check([handler], found)
        self._add(handler, found)
        return handler

    def register_job(
        self,
        *,
        id: str,
        job: Callable[..., Any],
        title: str | None = None,
        data_schema: Schema | type[Schema] | None = None,
        description: str = "",
        example: Mapping[str, Any] | None = None,
        version: int = 1,
    ) -> Handler:
        """Make ``job`` a handler, as :func:`enschedule_core.handler` does, and :meth:`register` it."""
        return self.register(
            as_handler(
                job,
                id=id,
                title=title,
                data_schema=data_schema,
                description=description,
                example=example,
                version=version,
            )
        )

    def load_source(self, source: Source, *, name: str | None = None, must_exist: bool = False) -> bool:
        """Load one plugin: all of its handlers, or none.

        Whatever it raises, ``SystemExit`` too, makes it one of :attr:`broken` and is logged; ``KeyboardInterrupt``
        alone passes, because that is a person who wants the program to stop. Returns whether it was loaded.
        With ``must_exist`` a module or name that is not there raises :class:`Missing`.
        """
        try:
            handlers = load_plugin(source, self.pm)
            self._check(handlers, source)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if must_exist and isinstance(error, Missing):
                raise
            if self.pm.has_plugin(str(source)):
                self.pm.unregister(name=str(source))
            self.add_broken(broken(name or source.name, source, error))
            return False
        self._loaded[source] = None
        for handler in handlers:
            self._add(handler, source)
        return True

    def without(self, unwanted: Callable[[Source], bool]) -> Registry:
        """Return another registry that has of this one what is not from such a source; hooks are not part of it."""
        other = Registry()
        for handler in self.handlers():
            source = self.source(handler)
            if not unwanted(source):
                other._handlers[handler.id, handler.version] = handler
                other._sources[handler.id, handler.version] = source
        other._loaded = {source: None for source in self._loaded if not unwanted(source)}
        other._broken = [one for one in self._broken if not unwanted(one.source)]
        return other

    def become(self, other: Registry) -> None:
        """Take over what ``other`` has, while others read: a handler that they find has its source too."""
        self._sources = {**self._sources, **other._sources}
        self._handlers = dict(other._handlers)
        self._loaded = dict(other._loaded)
        self._broken = list(other._broken)
        self.folder_texts = other.folder_texts

    def note_broken(self, plugins: Iterable[BrokenPlugin]) -> None:
        """Note plugins that could not be loaded, also those whose earlier handlers stay."""
        for plugin in plugins:
            self.add_broken(plugin)

    def add_broken(self, plugin: BrokenPlugin) -> None:
        """Note a plugin that could not be loaded; what was noted of the same source before is replaced."""
        self._broken = [*(one for one in self._broken if one.source != plugin.source), plugin]

    @classmethod
    def load(cls, sources: Iterable[Source]) -> Registry:
        """Return a registry with the handlers of ``sources``, in a fresh interpreter the same ones as here."""
        registry = cls()
        for source in sources:
            registry.load_source(source)
        return registry

    def handlers(self) -> tuple[Handler, ...]:
        """Return every handler, by id and then version."""
        return tuple(self._handlers[key] for key in sorted(self._handlers))

    def get(self, handler_id: str, version: int) -> Handler | None:
        """Return exactly this version, or ``None``."""
        return self._handlers.get((handler_id, version))

    def resolve(self, handler_id: str, version: int) -> Handler | None:
        """Return what can run data of ``version``: that version, else the newest one with a migration from it."""
        exact = self._handlers.get((handler_id, version))
        if exact is not None:
            return exact
        able = [one for one in list(self._handlers.values()) if one.id == handler_id and version in one.migrations]
        return max(able, key=lambda one: one.version, default=None)

    def newest(self, handler_id: str) -> Handler | None:
        """Return the highest version of ``handler_id``, or ``None`` if there is none."""
        versions = [one for one in list(self._handlers.values()) if one.id == handler_id]
        return max(versions, key=lambda one: one.version, default=None)

    def offers(self) -> frozenset[tuple[str, int]]:
        """Return every (id, version) that this process can run, those by way of a migration included."""
        found = list(self._handlers.values())
        migrated = {(one.id, version) for one in found for version in one.migrates_from()}
        return frozenset(migrated | {(one.id, one.version) for one in found})

    def source(self, handler: Handler) -> Source:
        """Return where this registry has ``handler`` from; ``KeyError`` if it does not have it."""
        return self._sources[handler.id, handler.version]

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything that :meth:`load` needs to make this registry again, in the order of loading."""
        return tuple(self._loaded)

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """The plugins that could not be loaded."""
        return tuple(self._broken)

    def _check(self, handlers: Iterable[Handler], source: Source) -> None:
        """Raise unless all of ``handlers`` can be added."""
        for handler in handlers:
            known = self._handlers.get((handler.id, handler.version))
            if known is not None and known is not handler:
                raise Conflict(
                    f"Two handlers are {handler.id}@{handler.version}: one of {self.source(known)}, one of {source}.",
                    hint="Give one of them another id or version, or load only one (IMPORT_HANDLERS).",
                )
            encode_json(handler.json_schema())

    def _add(self, handler: Handler, source: Source) -> None:
        key = (handler.id, handler.version)
        if key in self._handlers:
            return
        handler.source = source
        self._handlers[key] = handler
        self._sources[key] = source
        self._loaded[source] = None
