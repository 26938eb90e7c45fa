"""What reaches a terminal: text without anything that could steer it."""

from __future__ import annotations

import unicodedata

import click

# Cc: control characters (ESC begins every ANSI sequence). Cf: format characters, among them the overrides that turn
# text round. Cs: lone surrogates, which cannot be written. Zl and Zp break a line as \n does.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Joins the parts of one emoji; harmless, and without it a family is four people.
_HARMLESS = frozenset({"\N{ZERO WIDTH JOINER}"})


def clean(text: str) -> str:
    """Return ``text`` as one line that shows and does nothing else: whatever could steer a terminal becomes “�”."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if unicodedata.category(character) in _UNSAFE and character not in _HARMLESS:
        return _REPLACEMENT
    return character


def say(text: str) -> None:
    """Print a line of data on stdout."""
    click.echo(clean(text))


def tell(text: str) -> None:
    """Print a line for the person, not for a pipe, on stderr."""
    click.echo(clean(text), err=True)
