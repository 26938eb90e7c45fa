"""A traceback folded to the handler's own frames."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line \d+')
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib/python\d|^<frozen |^<string>$")


@dataclass(slots=True)
class Part:
    """Lines of a traceback; ``frames`` is how many frames of libraries they are, 0 for what is shown as it is."""

    lines: list[str] = field(default_factory=list)
    frames: int = 0

    @property
    def text(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines)


def fold(traceback: str, own: str = "") -> list[Part]:
    """Split a Python traceback into parts to show and parts of libraries to fold.

    ``own`` is the handler's package or module: its frames are shown although it is installed like a library.
    """
    own_folder = "/" + own.replace("-", "_").partition(":")[0].replace(".", "/") if own else None
    parts = [Part()]
    in_library = False
    for line in traceback.rstrip("\n").split("\n"):
        found = _FRAME.match(line)
        if found:
            path = found["path"]
            in_library = bool(_LIBRARY.search(path)) and not (own_folder and own_folder in path)
        elif not line.startswith((" ", "\t")) or not line.strip():
            in_library = False
        if in_library != bool(parts[-1].frames):
            parts.append(Part())
        parts[-1].lines.append(line)
        parts[-1].frames += 1 if found and in_library else 0
    return [part for part in parts if part.lines]
