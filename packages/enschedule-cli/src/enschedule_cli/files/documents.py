"""The documents of a file: schedules, and defaults for a folder."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enschedule_cli.files import nodes, short_forms
from enschedule_cli.files.nodes import Node, Replace
from enschedule_cli.files.ownership import owner
from enschedule_cli.files.problems import Problem, Problems
from enschedule_cli.files.short_forms import Body
from enschedule_cli.files.sources import DEFAULTS, Source, defaults_of
from enschedule_core.errors import EnscheduleError, FieldError
from enschedule_core.wire.definition import Definition

API_VERSION = "v1"
_ABOUT_NAMES = ("Unknown field", "Defaults cannot say")  # a mistake in a name is shown at the name
KINDS = ("schedule", "defaults")
_TOP = ("apiVersion", "kind", "spec")
#: what a folder can say for all its schedules
FOR_ALL = frozenset(
    {"timezone", "tags", "retry", "retries", "timeout", "timeout_seconds", "overlap", "catch_up", "on_lost"}
    | {"priority", "max_running", "concurrency_group", "worker", "retention", "notify", "env", "runbook"}
)


@dataclass(slots=True)
class Wanted:
    """A schedule as a file wants it; ``body`` is what the API is sent."""

    source: Source
    spec: Node
    short: Body

    @property
    def id(self) -> str:
        """Its id, which every one has that was read without a mistake."""
        return str(self.short.fields["id"])

    @property
    def body(self) -> dict[str, Any]:
        """The schedule in its wire form."""
        return self.short.fields

    @property
    def follow_ups(self) -> list[tuple[str, str]]:
        """The ids of schedules that run after it, each with the field that says so."""
        named = ((name, self.body.get(name)) for name in ("on_success", "on_failure"))
        return [(name, target) for name, target in named if isinstance(target, str)]

    def problem(self, name: str, message: str) -> Problem:
        """Return a mistake about a field as this file names it."""
        return _problem(self.source, self.spec, name, message)

    def refused(self, error: FieldError) -> Problem:
        """Return what the API, or its rules, say about a field of the wire form."""
        message = error.message
        if error.suggestion and error.suggestion not in message:
            message += f" Did you mean {error.suggestion}?"
        return self.problem(self.short.name_in_file(error.field), message)


def _problem(source: Source, spec: Node, name: str, message: str) -> Problem:
    path = name.split(".") if name else []
    line, column = spec.place_of(path, key=message.startswith(_ABOUT_NAMES))
    return Problem(source.label, line, column, ".".join(["spec", *path]), message)


@dataclass(slots=True)
class Reader:
    """Reads files; the defaults of a folder once."""

    replace: Replace | None = None
    _defaults: dict[Path, Mapping[str, Any]] = field(default_factory=dict)

    def read(self, source: Source) -> list[Wanted]:
        """Return the schedules in a file. Raises :class:`Problems` with every mistake that could be found."""
        defaults: dict[str, Any] = {}
        for folder in source.folders:
            body = Body(dict(self._defaults_of(folder)))
            short_forms.with_defaults(body, defaults)
            defaults = body.fields
        found: list[Wanted] = []
        problems: list[Problem] = []
        for kind, spec in self._specs(source, problems):
            if kind == "defaults":
                if source.path is None or source.path.name not in DEFAULTS:
                    problems.append(_problem(source, spec, "", f"kind: defaults stands in a file {DEFAULTS[0]}."))
                continue
            wanted = Wanted(source, spec, short_forms.expanded(spec.plain()))
            if "managed_by" in wanted.body:
                wanted.short.wrong("managed_by", "This is what apply says: the schedule belongs to the file.")
            short_forms.with_id(wanted.short)
            short_forms.with_defaults(wanted.short, defaults)
            problems += _mistakes(wanted)
            wanted.body["managed_by"] = owner(source.label)
            found.append(wanted)
        problems += duplicates(found) if not problems else []
        if problems:
            raise Problems(problems)
        return found

    def _specs(self, source: Source, problems: list[Problem]) -> Iterator[tuple[str, Node]]:
        for document in nodes.read(source.text(), source.label, self.replace):
            try:
                yield _envelope(source, document)
            except Problems as mistakes:
                problems += mistakes.found

    def _defaults_of(self, folder: Path) -> Mapping[str, Any]:
        if folder not in self._defaults:
            self._defaults[folder] = self._read_defaults(folder)
        return self._defaults[folder]

    def _read_defaults(self, folder: Path) -> Mapping[str, Any]:
        source = defaults_of(folder)
        if source is None:
            return {}
        problems: list[Problem] = []
        specs = [spec for kind, spec in self._specs(source, problems) if kind == "defaults"]
        problems += [_problem(source, spec, "", "There are defaults in this file already.") for spec in specs[1:]]
        unknown = [(spec, name) for spec in specs for name in spec.value if name not in FOR_ALL]
        for spec, name in unknown:
            message = f"Defaults cannot say this; they can say {', '.join(sorted(FOR_ALL))}."
            problems.append(_problem(source, spec, name, message))
        body = short_forms.expanded(specs[0].plain()) if specs else Body({})
        if specs and not unknown:
            problems += _mistakes(Wanted(source, specs[0], Body({"handler": "x", **body.fields}, body.aliases)))
            problems += [_problem(source, specs[0], name, message) for name, message in body.mistakes]
        if problems:
            raise Problems(problems)
        return body.fields


def _envelope(source: Source, document: Node) -> tuple[str, Node]:
    """Return the kind of a document and its spec."""

    def refuse(name: str, message: str) -> Problems:
        line, column = document.place_of([name] if name else [])
        return Problems([Problem(source.label, line, column, name, message)])

    top = document.value
    if not isinstance(top, dict):
        raise refuse("", "A document is a mapping with spec, and in it the fields of a schedule.")
    for name in top:
        if name not in _TOP:
            near = difflib.get_close_matches(name, _TOP, n=1, cutoff=0.7)
            meant = f"Did you mean {near[0]}?" if near else "The fields of a schedule stand under spec."
            raise refuse(name, f"A document has {', '.join(_TOP)}. {meant}")
    version = top["apiVersion"].plain() if "apiVersion" in top else API_VERSION
    kind = top["kind"].plain() if "kind" in top else KINDS[0]
    if version != API_VERSION:
        raise refuse("apiVersion", f"This reads {API_VERSION}.")
    if not isinstance(kind, str) or kind.lower() not in KINDS:
        raise refuse("kind", f"Must be {' or '.join(KINDS)}; left out, it is {KINDS[0]}.")
    if "spec" not in top or not isinstance(top["spec"].value, dict):
        raise refuse("spec", "Is missing: a mapping with the fields of a schedule.")
    spec: Node = top["spec"]
    spec.line, spec.column = document.keys["spec"]
    return kind.lower(), spec


def _mistakes(wanted: Wanted) -> list[Problem]:
    """Return what is wrong with a schedule as far as that can be told without the server."""
    found = [wanted.problem(name, message) for name, message in wanted.short.mistakes]
    try:
        Definition.from_wire(wanted.body)
    except EnscheduleError as refused:
        errors = refused.errors or [FieldError("", refused.detail)]
        known = {problem.field for problem in found}
        found += [one for one in map(wanted.refused, errors) if one.field not in known]
    return found


def duplicates(wanted: Sequence[Wanted]) -> list[Problem]:
    """Return the mistake that an id stands there twice, at each of the places."""
    first: dict[str, Wanted] = {}
    found = []
    for one in wanted:
        other = first.setdefault(one.id, one)
        if other is not one:
            for here, there in ((one, other), (other, one)):
                at = f"{there.source.label}:{there.spec.place_of(['id'])[0]}"
                found.append(here.problem(here.short.name_in_file("id"), f"{one.id} stands in {at} too."))
    return found
