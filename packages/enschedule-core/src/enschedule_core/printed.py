"""What programs print, as text: which escape sequences there are, and how text is made safe to show.

Program output is hostile. A reader that shows it keeps at most the colours ("select graphic rendition" of ECMA-48,
``ESC [ … m``) and takes out every other escape sequence (cursor movement, window titles, hyperlinks), every control
character but the tab, and what reorders the text around it.
"""

from __future__ import annotations

import re

# An unterminated string sequence must not swallow the output, and many of them must not cost more than
# linear time: hence the bounds, and no newline inside.
ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]{0,64})[ -/]{0,4}(?P<final>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)"
    r"|\x1b[ -/]{0,4}[0-~]"
)
_UNFINISHED = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,4}|\x1b[\]PX^_][^\x07\x1b\n]{0,256}\x1b?|\x1b[ -/]{0,4})\Z"
)
_COLOUR = re.compile(r"(?:\x1b\[|\x9b)([0-9:;]{0,64})m")
_ONE_COLOUR = re.compile(r"(?:\x1b\[|\x9b)(?:3[0-79]|9[0-7])m")
_DROPPED = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 but the tab, DEL, C1
    "\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"  # what reorders the text around it
)
_SEPARATORS = re.compile("[\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_HIDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CARRIED_MAX = 200


def clean(text: str) -> str:
    """Return ``text`` without control characters and without marks that reorder it; tabs stay."""
    if text.isprintable():  # as most is
        return text
    text = _SURROGATES.sub("\ufffd", _DROPPED.sub("", text))
    return _SEPARATORS.sub(" ", text)


def has_escapes(text: str) -> bool:
    """Return whether ``text`` has, or begins, an escape sequence."""
    return "\x1b" in text or "\x9b" in text


def plain(text: str) -> str:
    """Return ``text`` without escape sequences and control characters."""
    return clean(ESCAPE.sub("", text) if has_escapes(text) else text)


def may_hold(text: str, needle: str) -> bool:
    """Return whether ``needle``, in lower case, may be in what of ``text`` can be seen; False is certain."""
    if needle in text.lower():
        return True
    if _HIDING.search(text) is None:
        return False
    seen = ESCAPE.sub("", text) if has_escapes(text) else text
    return needle in (clean(seen) if _HIDING.search(seen) else seen).lower()


def split_unfinished(text: str) -> tuple[str, str]:
    """Split ``text`` before an escape sequence that its end cuts off; the second part is "" where there is none."""
    if not has_escapes(text):
        return text, ""
    found = _UNFINISHED.search(text, max(0, len(text) - 400))
    return (text[: found.start()], text[found.start() :]) if found else (text, "")


def carried(colours: str, text: str) -> str:
    """Return the sequences that colour what follows ``text``, where ``colours`` are in force at its start.

    What a reset ends, or another colour, is forgotten; of sequences that go on and on, the newest are kept.
    """
    if not has_escapes(text):
        return colours
    reset = max(text.rfind("\x1b[0m"), text.rfind("\x1b[m"))
    if reset >= 0:  # what stands before it matters no more
        colours, text = "", text[reset + 3 :]
    for found in _COLOUR.finditer(text):
        first = found[1].replace(":", ";").partition(";")[0]
        if first.strip("0") == "":  # no number at all means 0, too
            colours = found[0] if ";" in found[1] else ""
        else:
            kept = _ONE_COLOUR.sub("", colours) if _ONE_COLOUR.fullmatch(found[0]) else colours
            colours = kept.replace(found[0], "") + found[0]
    while len(colours) > _CARRIED_MAX:
        colours = colours[_COLOUR.match(colours).end() :]  # type: ignore[union-attr]  # it is made of such sequences
    return colours
