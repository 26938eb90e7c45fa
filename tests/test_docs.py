"""The documentation says what the code does: settings, codes, words, states, commands, links. Both ways."""

import inspect
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path

import click
import pytest

from enschedule_cli.commands import COMMANDS
from enschedule_cli.main import cli
from enschedule_core import Context, errors, hookspecs
from enschedule_core import handler as handler_decorator
from enschedule_core.errors import EnscheduleError, InvalidTrigger
from enschedule_core.run import TRANSITIONS
from enschedule_core.schedule import Backoff, CatchUpMode, OnLost, Overlap, ScheduleStatus, SkipReason
from enschedule_core.settings import Kind, Setting
from enschedule_core.testing import RecordingChannel
from enschedule_core.triggers import parse, preview
from enschedule_core.triggers.cron_fields import MACROS
from enschedule_core.wire.schedules import ScheduleInput
from enschedule_dashboard.main import SETTINGS as DASHBOARD_SETTINGS
from enschedule_hub.up import command as up
from enschedule_worker.setting_table import OTHERS
from enschedule_worker.setting_table import SETTINGS as WORKER_SETTINGS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


@cache
def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    level, rest = re.search(rf"^(#+) {re.escape(heading)}\n(.*)", text(page), re.MULTILINE | re.DOTALL).groups()
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(markdown: str, first: str) -> list[list[str]]:
    """The rows of every table whose first column is headed ``first``, each as its cells."""
    rows = []
    for block in re.findall(r"(?:^\|.*\|\n)+", markdown, re.MULTILINE):
        head, _, *body = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        rows += body if head[0] == first else []
    return rows


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- Settings ---


def as_documented(setting: Setting) -> tuple[str, str, str, str, bool]:
    form = ", ".join(f"`{choice}`" for choice in setting.choices) if setting.choices else str(setting.kind)
    least = "" if setting.minimum is None else f"{setting.minimum:g}"
    match setting.default:
        case None | ():
            default = ""
        case bool(value):
            default = f"`{str(value).lower()}`"
        case tuple() as value:
            default = f"`{','.join(value)}`"
        case timedelta() as value:
            default = f"`{value.total_seconds():g}s`"
        case value:
            default = f"`{value}`"
    unit = "seconds" if setting.kind is Kind.DURATION else "bytes" if setting.name.endswith("_BYTES") else ""
    return form, least, default, unit, setting.secret


@pytest.mark.parametrize(
    ("heading", "settings"),
    [("Worker", WORKER_SETTINGS), ("Dashboard", DASHBOARD_SETTINGS), ("Handlers and command line", OTHERS)],
)
def test_the_settings_are_those_of_the_code(heading, settings):
    rows = table(section("settings.md", heading), "setting")
    documented = {
        tuple(code(names)): (form, least, default, unit, meaning.startswith("*Secret.*"))
        for names, form, least, default, unit, meaning in rows
    }

    assert documented == {(one.name, *one.aliases): as_documented(one) for one in settings}


def test_the_options_of_up_are_those_of_the_code():
    rows = table(text("settings.md"), "option")
    names = {name for setting in WORKER_SETTINGS for name in (setting.name, *setting.aliases)}

    assert {code(option)[0].split()[0] for option, _ in rows} == {one.opts[0] for one in up.params}
    assert {name for _, variable in rows for name in code(variable)[:1]} <= names
    assert [code(option)[0] for option, variable in rows if not code(variable)] == ["--reload"]


# --- Errors and the API's words ---


def error_classes(base: type[EnscheduleError] = EnscheduleError) -> list[type[EnscheduleError]]:
    return [base, *(found for child in base.__subclasses__() for found in error_classes(child))]


def test_the_error_codes_are_those_of_the_code():
    rows = table(text("api.md"), "code")

    ours = [one for one in error_classes() if one.__module__ == errors.__name__]
    assert {code(name)[0]: int(status) for name, status, _ in rows} == {one.code: one.status for one in ours}


def test_the_fields_of_a_schedule_are_those_of_the_code():
    rows = table(section("schedules.md", "The fields"), "field")
    mentioned = {name for row in rows for cell in row for name in code(cell)}

    assert {code(row[0])[0] for row in rows} <= set(ScheduleInput().fields)
    assert set(ScheduleInput().fields) <= mentioned


@pytest.mark.parametrize(
    ("first", "values"),
    [("`mode`", CatchUpMode), ("`overlap`", Overlap), ("reason", SkipReason), ("status", ScheduleStatus)],
)
def test_the_choices_are_those_of_the_code_in_their_order(first, values):
    documented = [code(row[0])[0] for row in table(text("schedules.md"), first)]

    in_order = documented if values is ScheduleStatus else sorted(documented)
    assert in_order == ([one.value for one in values] if values is ScheduleStatus else sorted(values))


@pytest.mark.parametrize("value", [*Backoff, *OnLost])
def test_every_further_choice_is_named(value):
    assert f"`{value}`" in section("schedules.md", "The fields")


# --- When ---

PHRASES = table(text("schedules.md"), "phrase")
REFUSED = table(text("schedules.md"), "refused")


def test_the_tables_of_phrases_were_found():
    assert len(PHRASES) > 20
    assert len(REFUSED) > 5


@pytest.mark.parametrize(("phrase", "becomes"), PHRASES)
def test_a_phrase_becomes_what_is_said(phrase, becomes):
    expression = code(becomes)[0] if code(becomes) else f"every {becomes.split()[1]}s"

    assert parse(code(phrase)[0]).expression == expression


@pytest.mark.parametrize(("written", "why", "instead"), REFUSED)
def test_what_is_said_to_be_refused_is_refused_with_that_suggestion(written, why, instead):
    with pytest.raises(InvalidTrigger) as refused:
        parse(code(written)[0])

    suggested = refused.value.errors[0].suggestion
    assert code(instead)[:1] == ([suggested] if suggested else code(instead)[:1])
    if suggested:
        parse(suggested)


def test_the_macros_are_those_of_the_code():
    (row,) = [row for row in table(text("schedules.md"), "") if row[0].startswith("`@")]

    assert dict(zip(code(row[0]), code(row[1]), strict=True)) == MACROS


@pytest.mark.parametrize("row", table(section("schedules.md", "Time zones, and the days when clocks change"), ""))
def test_what_is_said_about_clock_changes_holds(row):
    trigger = parse(code(row[0])[0], "Europe/Stockholm")
    notes = preview(trigger, after=NOW, count=1).notes

    if row[1].startswith("goes on"):
        assert notes == []
        slots = list(trigger.slots_between(NOW, NOW + timedelta(days=1), 1000))
        assert {later - slot for slot, later in pairwise(slots)} == {timedelta(minutes=15)}
    else:
        spring, autumn, *_ = notes
        assert spring.startswith("29 Mar 2026")
        assert row[1] in spring
        assert autumn.startswith("25 Oct 2026")
        assert row[2] in autumn


# --- Handlers ---


def test_the_arguments_of_a_handler_are_those_of_the_code():
    rows = table(text("handlers.md"), "argument of `@handler`")

    assert {code(row[0])[0] for row in rows} == set(inspect.signature(handler_decorator).parameters)


def test_the_context_is_that_of_the_code():
    documented = {
        code(row[0])[0].removeprefix("context.").partition("(")[0]
        for row in table(section("handlers.md", "The context"), "")
    }

    assert documented == {name for name in dir(Context(RecordingChannel(), run_id=1)) if not name.startswith("_")}


def test_every_hook_is_documented():
    hooks = [name for name, one in vars(hookspecs).items() if hasattr(one, "enschedule_spec")]

    assert hooks
    assert [hook for hook in hooks if hook not in text("handlers.md")] == []
    assert f"now {hookspecs.PLUGIN_API})" in text("handlers.md")


# --- Operations ---


def test_the_diagram_is_the_table_of_transitions():
    diagram = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", text("operations.md"), re.DOTALL)[1]
    drawn = {line.strip() for line in diagram.splitlines()}

    assert drawn == {"[*] --> queued: fire"} | {f"{one.source} --> {one.target}: {one.name}" for one in TRANSITIONS}
    explained = {row[0] for row in table(text("operations.md"), "transition")}
    assert explained == {"fire"} | {one.name for one in TRANSITIONS}


@pytest.mark.parametrize("file", ["docs/operations.md", "packages/enschedule-cli/README.md"])
def test_the_commands_are_those_that_are_installed(file):
    """All of them in the README of the command line, those of servers in operations; docs/cli.md has its own test."""
    rows = table((ROOT / file).read_text(encoding="utf-8"), "command")
    documented = {name.split()[1] for row in rows for name in code(row[0]) if name.startswith("enschedule ")}
    every = set(cli.list_commands(click.Context(cli)))

    assert documented == (every if "README" in file else every - set(COMMANDS))
    scripts = {name for row in rows for name in code(row[0]) if name.startswith("enschedule-")}
    installed = {one.name for one in entry_points(group="console_scripts") if one.name.startswith("enschedule-")}
    assert scripts in (set(), installed)
