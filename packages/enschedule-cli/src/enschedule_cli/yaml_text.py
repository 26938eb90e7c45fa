"""YAML, written and read without surprises: only the types of JSON, no aliases, no tags."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.representer import SafeRepresenter

_LAST_SHORT = 0xFFFF


class NotYaml(Exception):
    """The text is not YAML that we take; the message says where."""


class _Representer(SafeRepresenter):
    """Writes text of several lines as it reads, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything where it stands."""
        del data
        return True

    def represent_str(self, data: str) -> Any:
        """Write lines as a block, unless there is something in them that only quotes can carry."""
        lines = data.split("\n")
        style = None
        if not all(line.isprintable() for line in lines):
            style = '"'
        elif len(lines) > 1 and all(line == line.rstrip() for line in lines):
            style = "|"
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Representer.add_representer(str, _Representer.represent_str)


def dump(value: Any) -> str:
    """Return ``value``, of JSON's types, as YAML with its order kept."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # annotated as None, read as a flag
    yaml.allow_unicode = True
    yaml.width = 100_000
    sink = StringIO()
    yaml.dump(value, sink)
    # What cannot be printed stands in double quotes; the emitter escapes controls there, but not what turns text round.
    return "".join(map(_escaped, sink.getvalue().removesuffix("...\n")))


def _escaped(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= _LAST_SHORT else f"\\U{ord(character):08x}"


def load(text: str) -> Any:
    """Return the value of a YAML text; raises :class:`NotYaml` with line and column."""
    try:
        if any(isinstance(event, AliasEvent) for event in YAML(typ="safe", pure=True).parse(text)):
            raise NotYaml("Aliases (*name) are not taken; write the value again.")
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise NotYaml(f"{where}{problem.problem or 'this is not YAML'}") from None
    except (YAMLError, ValueError, RecursionError) as problem:
        raise NotYaml(f"This is not YAML: {problem}") from None
