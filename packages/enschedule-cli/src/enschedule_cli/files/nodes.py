"""YAML as values that know where they stand.

Only what JSON can say is taken, by the rules of YAML 1.2's core schema: ``yes`` and ``12:30`` are text. Anchors,
aliases, merge keys and tags are refused (342 bytes of aliases can become 3 GB), and so is
a key that stands there twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from enschedule_cli.files.problems import Problem, Problems

LEVELS_MAX = 50
_TEXT_TAG = "tag:yaml.org,2002:str"
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_DIGITS_MAX = 30

#: changes the text of a scalar, or raises ``ValueError`` with what is wrong about it
Replace = Callable[[str], str]


@dataclass(slots=True)
class Node:
    """A value and its place. ``value`` is a scalar, a list of nodes, or a dict of nodes by key."""

    value: Any
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {name: one.plain() for name, one in self.value.items()}
        if isinstance(self.value, list):
            return [one.plain() for one in self.value]
        return self.value

    def place_of(self, path: Sequence[str], *, key: bool = False) -> tuple[int, int]:
        """Return line and column of the value at ``path``, or of what is nearest to it; ``key``: of its name."""
        here, found = self, (self.line, self.column)
        for part in path:
            if isinstance(here.value, dict) and part in here.value:
                below = here.value[part]
                is_scalar = not isinstance(below.value, dict | list) and below.value is not None
                found = (below.line, below.column) if is_scalar and not key else here.keys[part]
            elif isinstance(here.value, list) and part.isdecimal() and int(part) < len(here.value):
                below = here.value[int(part)]
                found = (below.line, below.column)
            else:
                break
            here = below
        return found


def read(text: str, path: str, replace: Replace | None = None) -> list[Node]:
    """Return the documents of YAML ``text``, empty ones left out. Raises :class:`Problems` about the file ``path``."""
    reader = YAML(typ="safe", pure=True)
    try:
        return [node for node in _documents(_Events(reader.parse(text), path, replace)) if node.value is not None]
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = " ".join(filter(None, (problem.context, problem.problem))) or "it cannot be read"
        raise Problems([Problem(path, line, column, "", f"This is not YAML: {said}.")]) from None
    except ReaderError as problem:
        line, column = _counted(text, problem.position)
        message = f"The character U+{ord(text[problem.position]):04X} is not allowed in YAML."
        raise Problems([Problem(path, line, column, "", message)]) from None
    except YAMLError as problem:
        raise Problems([Problem(path, 1, 1, "", f"This is not YAML: {problem}")]) from None


def _counted(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


class _Events:
    """The events of a parser, one by one, and how to complain about one."""

    def __init__(self, events: Iterator[Event], path: str, replace: Replace | None) -> None:
        self._events = events
        self._path = path
        self.replace = replace
        self.field: list[str] = []

    def next(self) -> Event:
        event = next(self._events)
        if isinstance(event, AliasEvent):
            self.refuse(event, f"YAML aliases are not taken; write out what *{event.anchor} stands for.")
        if getattr(event, "anchor", None) is not None:
            self.refuse(event, f"YAML anchors are not taken; remove &{event.anchor}.")  # type: ignore[attr-defined]
        return event

    def refuse(self, event: Event, message: str) -> NoReturn:
        mark = event.start_mark
        raise Problems([Problem(self._path, mark.line + 1, mark.column + 1, ".".join(self.field), message)])


def _documents(events: _Events) -> Iterator[Node]:
    while not isinstance(event := events.next(), StreamEndEvent):
        if isinstance(event, DocumentStartEvent):
            yield _node(events, events.next(), 0)
            while not isinstance(events.next(), DocumentEndEvent):
                pass


def _node(events: _Events, event: Event, level: int) -> Node:
    if level > LEVELS_MAX:
        events.refuse(event, f"At most {LEVELS_MAX} levels.")
    tag = getattr(event, "tag", None)
    if tag is not None and str(tag) not in {"!", _TEXT_TAG}:
        events.refuse(event, f"YAML tags are not taken; remove {str(tag).replace('tag:yaml.org,2002:', '!!')}.")
    made = Node(None, event.start_mark.line + 1, event.start_mark.column + 1)
    if isinstance(event, ScalarEvent):
        made.value = _scalar(events, event)
    elif isinstance(event, SequenceStartEvent):
        made.value = []
        while not isinstance(inner := events.next(), SequenceEndEvent):
            events.field.append(str(len(made.value)))
            made.value.append(_node(events, inner, level + 1))
            events.field.pop()
    else:
        assert isinstance(event, MappingStartEvent)
        _fill(events, made, level)
    return made


def _fill(events: _Events, made: Node, level: int) -> None:
    made.value = {}
    while not isinstance(key := events.next(), MappingEndEvent):
        if not isinstance(key, ScalarEvent) or not key.value:
            events.refuse(key, "A name must be text.")
        name = key.value
        if name == "<<" and key.style is None:
            events.refuse(key, "YAML merge keys are not taken; write out what is merged.")
        events.field.append(name)
        if name in made.value:
            line = made.keys[name][0]
            events.refuse(key, f"This stands there twice; it was on line {line} already.")
        made.keys[name] = (key.start_mark.line + 1, key.start_mark.column + 1)
        made.value[name] = _node(events, events.next(), level + 1)
        events.field.pop()


def _scalar(events: _Events, event: ScalarEvent) -> Any:
    text = event.value
    if events.replace is not None and "$" in text:
        try:
            text = events.replace(text)
        except ValueError as problem:
            events.refuse(event, str(problem))
    if event.style or event.tag is not None:
        return text
    try:
        return _resolved(text)
    except ValueError as problem:
        events.refuse(event, str(problem))


def _resolved(text: str) -> Any:
    """Return what a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(f"{text} is not a number of JSON; write it in quotes, as text.")
    if _LEADING_ZERO.fullmatch(text):
        raise ValueError(
            f"{text} could be octal or not; write 0o{text.lstrip('+-0') or '0'} if it is, or text in quotes."
        )
    if _INTEGER.fullmatch(text):
        if len(text) > _DIGITS_MAX:
            raise ValueError(f"A number of {len(text)} digits is too large; write it in quotes, as text.")
        return int(text, 0)
    if _FRACTION.fullmatch(text):
        if not math.isfinite(number := float(text)):
            raise ValueError(f"{text} is too large for a number; write it in quotes, as text.")
        return number
    return text
