"""The controls of a data form: which there are, and what stands in each of them now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from enschedule_core.errors import FieldError

NARROW_CHOICES = 22
"""So many characters of all entries of a choice together still stand in a third of the form."""


class Kind(StrEnum):
    """How a value is entered."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    SECRET = "secret"  # noqa: S105 - the name of a control
    REFERENCE = "reference"
    INSTANT = "instant"
    INTEGER = "integer"
    NUMBER = "number"
    NUMBERS = "numbers"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LIST = "list"
    MAP = "map"
    GROUP = "group"
    UNION = "union"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a choice: what is posted, what is shown, what it means."""

    key: str
    label: str
    value: Any


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the shapes that a value may have: what it is called, its schema, and what makes its control."""

    label: str
    schema: dict[str, Any]
    make: Callable[[], Field]


@dataclass(slots=True)
class Row:
    """One entry of a list or a map.

    ``id`` names its controls and stays when rows are moved; ``was`` is the place (an index or a name) that it had in
    the data before the edit, by which a secret in it is found again.
    """

    id: str
    value: Field
    key: str = ""
    was: str = ""


@dataclass(slots=True)
class Field:
    """One control of the form, and what stands in it now.

    ``path`` is the place in the data, ``name`` the name it is posted under. ``text``, ``zone``, ``checked``, ``rows``,
    ``children`` are what is shown. ``blank`` is the JSON text of a value that looks like nothing in the control (an
    empty text, null, an empty list); it stays what it is until something is typed. ``make`` makes the control of one
    more row, ``item`` is the type of the numbers in a list. ``is_touched`` says after reading whether somebody chose
    what it has.
    """

    path: tuple[str, ...]
    name: str
    kind: Kind
    label: str = ""
    required: bool = False
    description: str = ""
    limits: str = ""
    placeholder: str = ""
    unit: str = ""
    input_type: str = "text"
    item: str = "string"
    default: Any = None
    has_default: bool = False
    nullable: bool = False
    fixed: bool = False
    choices: list[Choice] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    variant: str = ""
    make: Callable[[tuple[str, ...], str], Field] | None = None
    more: bool = False
    children: list[Field] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    text: str = ""
    zone: str = ""
    was: str = ""
    blank: str = ""
    checked: bool = False
    has_secret: bool = False
    is_touched: bool = False
    errors: list[FieldError] = field(default_factory=list)
    theirs: str = ""

    @property
    def id(self) -> str:
        """Return an id for the page's labels."""
        return "f-" + "".join(sign if sign.isalnum() else f"-{ord(sign):x}-" for sign in self.name)

    @property
    def dotted(self) -> str:
        """Return the place as errors name it: ``data.headers``, ``data.items.2.url``."""
        return ".".join(("data", *self.path))

    @property
    def hint(self) -> str:
        """Return what stands under the control: what it is for, and what is allowed."""
        said = self.description.strip()
        if said and self.limits and said[-1] not in ".!?":
            said += "."
        return f"{said} {self.limits}".strip()

    @property
    def is_short(self) -> bool:
        """True where the control is narrow enough to share its line with others."""
        if self.kind is Kind.CHOICE:
            return not self.is_radio or sum(len(choice.label) + 2 for choice in self.choices) <= NARROW_CHOICES
        return self.kind in (Kind.INTEGER, Kind.NUMBER, Kind.NUMBERS) or self.input_type in ("date", "time")

    @property
    def is_radio(self) -> bool:
        """True for a choice of so few entries that all of them can stand there."""
        return self.kind is Kind.CHOICE and len(self.choices) <= 4 and not self.has_other

    @property
    def has_other(self) -> bool:
        """True where a choice has a value that is none of its entries."""
        return bool(self.text) and all(choice.key != self.text for choice in self.choices)

    @property
    def other(self) -> str:
        """Return that value as it is shown."""
        return as_text(json.loads(self.text[1:])) if self.text.startswith("=") else self.text

    @property
    def default_key(self) -> str:
        """Return the key of the entry of a choice that holds where none is taken; nothing where there is none."""
        keys = [choice.key for choice in self.choices if self.has_default and choice.value == self.default]
        return keys[0] if keys and not self.nullable else ""

    @property
    def implied(self) -> str:
        """Return that key as long as nobody has chosen anything."""
        return "" if self.text else self.default_key

    @property
    def has_nothing(self) -> bool:
        """True where a choice has an entry for no value."""
        return not self.default_key and (not self.required or self.nullable or not self.text)

    @property
    def default_label(self) -> str:
        """Return what holds where no value is given, as it is shown."""
        found = [choice.label for choice in self.choices if choice.value == self.default]
        return found[0] if found else as_text(self.default)

    @property
    def singular(self) -> str:
        """Return what one entry is called: ``Headers`` → ``header``."""
        word = self.label.lower()
        for ending, one in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
            if word.endswith(ending) and len(word) > len(ending) + 1 and not word.endswith(("ss", "us", "is")):
                return word.removesuffix(ending) + one
        return "entry"

    @property
    def is_plain(self) -> bool:
        """True for a control that takes one line, so that a row can hold it beside its buttons."""
        return self.kind not in (Kind.GROUP, Kind.LIST, Kind.MAP, Kind.UNION, Kind.JSON, Kind.LONG_TEXT)

    def walk(self) -> Iterator[Field]:
        """Yield this field and all below it, each before what is in it."""
        yield self
        for child in self.children:
            yield from child.walk()
        for row in self.rows:
            yield from row.value.walk()

    def wrong(self, message: str) -> None:
        """Put an error at the control."""
        self.errors.append(FieldError(self.dotted, message))


def below(name: str, part: str) -> str:
    """Return the name of a member: a JSON Pointer (RFC 6901), in which the signs for rows and parts are escaped too."""
    for sign, escape in (("~", "~0"), ("/", "~1"), ("#", "~2"), (":", "~3"), ("*", "~4")):
        part = part.replace(sign, escape)
    return f"{name}/{part}"


def as_text(value: Any) -> str:
    """Return how a value stands in a control: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
