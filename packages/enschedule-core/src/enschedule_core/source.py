"""Where handlers come from, so that another interpreter can find the same ones again.

A worker's child process and a file worker start from nothing: they are given the sources of the
registry as JSON and load them again with :meth:`enschedule_core.registry.Registry.load`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

if TYPE_CHECKING:
    from enschedule_core.handler import Handler

SourceKind = Literal["distribution", "module", "file", "main", "code"]


@dataclass(frozen=True, slots=True)
class Source:
    """One place that handlers are loaded from.

    ``distribution``: an entry point of an installed distribution; ``name`` is its module, ``attribute``
    what follows the colon. ``module``: the same without an entry point. ``file``: the ``.py`` file at
    the absolute ``path``. ``main``: the program itself, run again under another name (``name`` is the
    module of ``python -m``, else ``__main__``). ``code``: made while the program ran, in a place that
    cannot be found again; it works in this process only.
    """

    kind: SourceKind
    name: str
    attribute: str | None = None
    path: str | None = None
    distribution: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        target = f"{self.name}:{self.attribute}" if self.attribute else self.name
        if self.kind == "distribution":
            return f"{self.distribution} {self.version or ''}".rstrip() + f" ({target})"
        if self.kind in {"file", "main"} and self.path:
            return self.path
        return f"{target} (made at run time)" if self.kind == "code" else target

    def as_dict(self) -> dict[str, str | None]:
        """Return the members as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Source:
        """Read what :meth:`as_dict` wrote; a ``ValueError`` names a kind that this version does not know."""
        if raw.get("kind") not in get_args(SourceKind):
            kinds = ", ".join(get_args(SourceKind))
            raise ValueError(f"a source is one of {kinds}, not {raw.get('kind')!r}")
        return cls(
            kind=cast("SourceKind", raw["kind"]),
            name=str(raw["name"]),
            attribute=raw.get("attribute"),
            path=raw.get("path"),
            distribution=raw.get("distribution"),
            version=raw.get("version"),
        )


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that could not be loaded: ``error`` is one line, ``traceback`` the text for its author."""

    name: str
    source: Source
    error: str
    traceback: str

    def as_dict(self) -> dict[str, Any]:
        """Return the members as a JSON object."""
        return {
            "name": self.name,
            "source": self.source.as_dict(),
            "error": self.error,
            "traceback": self.traceback,
        }


def source_of(handler: Handler) -> Source:
    """Return where a handler that the program registered itself can be found again.

    In this order: a module-level name of an importable module; the program's main file, which makes
    it when it runs again; the module that made it, when it is imported again.
    """
    home = getattr(handler.function, "__module__", None) or "__main__"
    attribute = _name_in_module(handler, home)
    if attribute is not None and home != "__main__":
        return Source("module", home, attribute)
    main = _main_source(made_there=home == "__main__")
    if main is not None:
        return main
    if home != "__main__" and getattr(sys.modules.get(home), "__spec__", None) is not None:
        return Source("module", home)
    return Source("code", f"{home}.{getattr(handler.function, '__qualname__', handler.id)}")


def _name_in_module(handler: Handler, module: str) -> str | None:
    members = vars(sys.modules[module]) if module in sys.modules else {}
    return next((name for name, value in members.items() if value is handler), None)


def _main_source(*, made_there: bool) -> Source | None:
    """Return the main file; a console script (no ``.py``) counts only if it made the handler itself."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if path is None or not (made_there or path.endswith(".py")):
        return None
    spec = getattr(main, "__spec__", None)
    return Source("main", spec.name if spec else "__main__", path=str(Path(path).absolute()))
