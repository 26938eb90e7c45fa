"""Secret values taken out of what others see: of texts, of JSON values, and of bytes that come in pieces.

A value is looked for as it is and in the forms in which programs write it: escaped as JSON or Python does, encoded for
an address, with its white space made single spaces, and each longer line of it alone. Values of less than
``LEAST_CHARACTERS`` stay: they would be found in the middle of ordinary words, and the gap would tell what they are.

Standard library only, because child processes import this too.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

MASK = "***"
LEAST_CHARACTERS = 4
LEAST_IN_A_LINE = 8
_MASK = MASK.encode()
_SEED = 8  # so many bytes of a form are searched for before the rest is compared
_CODEC = ("utf-8", "surrogatepass")


def texts_of(value: Any) -> Iterator[str]:
    """Yield the texts in a secret JSON value: itself, or what is in it; numbers as JSON writes them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts_of(member)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)


def _forms(value: str) -> Iterator[str]:
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - a child without secrets starts faster without

    yield from (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    if value.isprintable() or "\n" not in value:
        encodable = value.encode("utf-8", "surrogatepass")
        yield from (quote(encodable), quote(encodable, safe=""), quote_plus(encodable))
    yield " ".join(value.split())
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= LEAST_IN_A_LINE)


class Mask:
    """Knows values that must not be shown; false where there are none that are long enough."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        long_enough = [value for value in values if len(value) >= LEAST_CHARACTERS]
        texts = {form for value in long_enough for form in _forms(value) if len(form) >= LEAST_CHARACTERS}
        self._forms = sorted({text.encode(*_CODEC) for text in texts})

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """Return ``text`` with ``***`` for each value in it."""
        if not self._forms:
            return text
        raw = text.encode(*_CODEC)
        if not any(form in raw for form in self._forms):
            return text
        return MaskedStream(self).feed(raw, last=True).decode(*_CODEC)

    def value(self, value: Any) -> Any:
        """Return a JSON value with ``***`` in its texts, names of members included, and for numbers that are secret."""
        if not self._forms or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.value(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.value(member) for member in value]
        written = json.dumps(value)
        return MASK if written.encode() in self._forms else value

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Return where values stand in ``data``, in order; those that overlap are one span."""
        found = sorted((at, at + len(form)) for form in self._forms for at in _places(form, data))
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def open_at(self, data: bytes) -> int:
        """Return from where on ``data`` may be the beginning of a value; its length if nowhere."""
        return min((_begins(form, data) for form in self._forms), default=len(data))


def _places(form: bytes, data: bytes) -> Iterator[int]:
    """Yield where ``form`` stands in ``data``, overlapping itself or not."""
    at = data.find(form)
    while at >= 0:
        yield at
        at = data.find(form, at + 1)


def _begins(form: bytes, data: bytes) -> int:
    """Return the first place from which all the rest of ``data`` is the beginning, and not all, of ``form``."""
    size = len(data)
    seed = form[:_SEED]
    at = data.find(seed, max(0, size - len(form) + 1))
    while at >= 0:
        if form.startswith(data[at:]):
            return at
        at = data.find(seed, at + 1)
    return next((at for at in range(max(0, size - len(seed) + 1), size) if form.startswith(data[at:])), size)


NOTHING = Mask()


class MaskedStream:
    """Bytes that come in pieces, with ``***`` for each value, also for one that lies across two of them.

    What may be the beginning of a value is held back until the next piece tells, or the last one has come.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = b""
        self._covered = 0  # so many bytes of the rest belong to a value whose *** was returned already

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Return what can be shown now that ``data`` has come."""
        data = self._rest + data
        keep = len(data) if last else self._mask.open_at(data)
        shown: list[bytes] = []
        at = 0
        for start, end in self._spans(data):
            if start >= keep and start > 0:
                break
            shown.append(data[at:start])
            if not (start == 0 and self._covered):
                shown.append(_MASK)
            at = end
        if at < keep:
            shown.append(data[at:keep])
            at = keep
        self._rest = data[keep:]
        self._covered = at - keep
        return b"".join(shown)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        spans = self._mask.spans(data)
        if not self._covered:
            return spans
        end = self._covered
        while spans and spans[0][0] < end:
            end = max(end, spans.pop(0)[1])
        return [(0, end), *spans]


class RecentValues:
    """The values that this process has handled last, at most ``most``: for its log, which is not that of one run."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[str, None] = OrderedDict()
        self._mask: Mask | None = Mask()

    def add(self, values: Iterable[str]) -> None:
        """Remember values."""
        with self._lock:
            for value in values:
                if value not in self._values:
                    self._mask = None
                self._values[value] = None
                self._values.move_to_end(value)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
                self._mask = None

    @property
    def mask(self) -> Mask:
        """What takes them out of a text."""
        with self._lock:
            if self._mask is None:
                self._mask = Mask(self._values)
            return self._mask


recent = RecentValues()
