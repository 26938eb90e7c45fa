"""What reaches a terminal: text without anything that could steer it, and colours only where somebody looks."""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata

import click

# Cc: control characters (ESC begins every ANSI sequence). Cf: format characters, among them the overrides that turn
# text round. Cs: lone surrogates, which cannot be written. Zl and Zp break a line as \n does.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Joins the parts of one emoji; harmless, and without it a family is four people.
_HARMLESS = frozenset({"\N{ZERO WIDTH JOINER}"})
# Select Graphic Rendition (ECMA-48, 8.3.117): colours, bold and the like. It moves nothing and answers nothing.
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_BEGUN = re.compile(r"\x1b(?:\[[0-9;:]*)?\Z")
_LONGEST_BEGUN = 64
_COLOUR_OFF = "\x1b[0m"

_TONES = {
    "bad": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "busy": {"fg": "cyan"},
    "good": {"fg": "green"},
    "dim": {"dim": True},
    "strong": {"bold": True},
}
_TONE_OF_STATUS = {
    **dict.fromkeys(("failed", "timed_out", "lost", "failing", "broken", "down"), "bad"),
    **dict.fromkeys(("waiting", "retrying", "late", "stopped", "paused"), "warn"),
    **dict.fromkeys(("running", "queued"), "busy"),
    **dict.fromkeys(("succeeded", "up", "loaded"), "good"),
    **dict.fromkeys(("skipped", "cancelled", "finished", "manual"), "dim"),
}


def clean(text: str) -> str:
    """Return ``text`` as one line that shows and does nothing else: whatever could steer a terminal becomes “�”."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def clean_lines(text: str) -> str:
    """Return ``text`` with its lines, each as by :func:`clean`."""
    return "\n".join(map(clean, text.splitlines()))


def _shown(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if unicodedata.category(character) in _UNSAFE and character not in _HARMLESS:
        return _REPLACEMENT
    return character


class OutputFilter:
    """Makes what a run printed fit for a terminal, piece by piece: lines, tabs and colours stay, nothing else does.

    One for each stream, since a colour may begin in one piece and end in the next. A carriage return on its own ends
    the line, so that nothing is written over what was there.
    """

    def __init__(self) -> None:
        self._begun = ""
        self._coloured = False

    def feed(self, text: str) -> str:
        """Return what to write now for the next piece."""
        text, self._begun = self._begun + text, ""
        begun = _BEGUN.search(text)
        if begun is not None and len(begun.group()) <= _LONGEST_BEGUN:
            text, self._begun = text[: begun.start()], begun.group()
        if text.endswith("\r"):
            text, self._begun = text[:-1], "\r" + self._begun
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        parts: list[str] = []
        at = 0
        for colour in _COLOUR.finditer(text):
            parts += (_printed(text[at : colour.start()]), colour.group())
            at, self._coloured = colour.end(), True
        return "".join([*parts, _printed(text[at:])])

    def end(self) -> str:
        """Return what to write at the end: what was held back, and the terminal's own colours again."""
        held, self._begun = self._begun, ""
        return _printed(held.replace("\r", "\n")) + (_COLOUR_OFF if self._coloured else "")


def _printed(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character in "\t\n" else _shown(character) for character in text)


def say(text: str = "") -> None:
    """Print a line of data on stdout."""
    click.echo(clean(text))


def tell(text: str) -> None:
    """Print a line for the person, not for a pipe, on stderr."""
    click.echo(clean(text), err=True)


def is_coloured() -> bool:
    """Return whether stdout takes colours: a terminal, unless NO_COLOR or TERM=dumb say otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, tone: str | None) -> str:
    """Return ``text``, cleaned before, in a tone (``bad warn busy good dim strong``) where stdout takes colours."""
    if tone is None or not text or not is_coloured():
        return text
    return click.style(text, **_TONES[tone])  # type: ignore[arg-type]  # a mapping of options to bool and str


def tone_of(status: str) -> str | None:
    """Return the tone of a status of a run, a schedule, a worker or a plugin."""
    return _TONE_OF_STATUS.get(status)


def columns() -> int | None:
    """Return how wide the terminal is; ``None`` where stdout is none, and lines may be as long as they are."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
