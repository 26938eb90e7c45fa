"""Reading schedule files: what is refused, where, and what short forms mean."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from enschedule_cli.files import durations, nodes, sources
from enschedule_cli.files.documents import Reader, Wanted
from enschedule_cli.files.problems import Problems
from enschedule_core.wire.definition import Definition


def read(tmp_path: Path, text: str) -> list[Wanted]:
    path = tmp_path / "f.yml"
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return Reader().read(sources.Source("f.yml", path))


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(Problems) as refused:
        read(tmp_path, text)
    return [str(one) for one in refused.value.found]


def body(tmp_path: Path, *lines: str) -> dict[str, Any]:
    text = "\n".join(["spec:", "  id: a", "  handler: log-job", *(f"  {one}" for one in lines)])
    [found] = read(tmp_path, text)
    return found.body


# ------------------------------------------------------------------------------------------- YAML


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spec: &a {id: x}\n", "f.yml:1:7: spec: YAML anchors are not taken; remove &a."),
        ("spec:\n  id: *a\n", "f.yml:2:7: spec.id: YAML aliases are not taken; write out what *a stands for."),
        ("spec:\n  <<: {a: 1}\n", "f.yml:2:3: spec: YAML merge keys are not taken; write out what is merged."),
        ("spec:\n  id: !!binary aGk=\n", "f.yml:2:7: spec.id: YAML tags are not taken; remove !!binary."),
        ("spec:\n  id: !mine x\n", "f.yml:2:7: spec.id: YAML tags are not taken; remove !mine."),
        ("spec:\n  id: a\n  id: b\n", "f.yml:3:3: spec.id: This stands there twice; it was on line 2 already."),
        ("spec:\n  data: {a: .nan}\n", "f.yml:2:13: spec.data.a: .nan is not a number of JSON"),
        ("spec:\n  data: {a: 0755}\n", "f.yml:2:13: spec.data.a: 0755 could be octal or not; write 0o755 if it is"),
        ("spec:\n  data: {a: 1e999}\n", "f.yml:2:13: spec.data.a: 1e999 is too large for a number"),
        ("spec:\n  data: {[a]: 1}\n", "f.yml:2:10: spec.data: A name must be text."),
        ("spec:\n\tid: x\n", "f.yml:2:1: This is not YAML: "),
        ("spec: {id: x\n", "This is not YAML: "),
        ("spec: 'a\x07b'\n", "f.yml:1:9: The character U+0007 is not allowed in YAML."),
        ("a: " + "[" * 60 + "]" * 60, "At most 50 levels."),
    ],
)
def test_what_is_refused_of_yaml_and_where(tmp_path: Path, text: str, said: str) -> None:
    [found] = problems(tmp_path, text)
    assert said in found


def test_bytes_that_are_no_text_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(b"spec:\n  id: \xff\n")
    with pytest.raises(Problems, match=r"f\.yml:2:7: This is not UTF-8\."):
        Reader().read(sources.Source("f.yml", path))
    path.write_bytes(b"\xef\xbb\xbfspec: {id: a, handler: x}\n")
    assert [one.id for one in Reader().read(sources.Source("f.yml", path))] == ["a"]
    with pytest.raises(Problems, match=r"f\.yml:1:1: This cannot be read: "):
        Reader().read(sources.Source("f.yml", tmp_path))


def test_values_are_those_of_yaml_1_2() -> None:
    text = "{a: yes, b: 12:30, c: 0o17, d: 1.5, e: ~, f: 'true', g: true, h: 2026-01-01, i: 1_000, 5: x, j: }"
    [found] = nodes.read(text, "f")
    assert found.plain() == {
        "a": "yes",
        "b": "12:30",
        "c": 15,
        "d": 1.5,
        "e": None,
        "f": "true",
        "g": True,
        "h": "2026-01-01",
        "i": "1_000",
        "5": "x",
        "j": None,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "f.yml:1:1: A document is a mapping with spec"),
        ("id: x\n", "f.yml:1:5: id: A document has apiVersion, kind, spec. The fields of a schedule stand under spec."),
        ("specs: {}\n", "Did you mean spec?"),
        ("apiVersion: v2\nspec: {id: x, handler: y}\n", "f.yml:1:13: apiVersion: This reads v1."),
        ("kind: cronjob\nspec: {}\n", "f.yml:1:7: kind: Must be schedule or defaults"),
        ("spec:\n", "f.yml:1:1: spec: Is missing"),
        ("spec: {handler: x}\n", "f.yml:1:1: spec: It needs an id or a name, for example id: ping."),
    ],
)
def test_what_is_around_a_schedule(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in one for one in problems(tmp_path, text))


def test_all_mistakes_of_a_file_are_told_where_they_stand(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        spec:
          id: A B
          handler: log-job
          colour: red
          cron: 0 25 * * *
          timeout: soon
          retries: -1
          retry: {backoff: never}
          enabled: no
          tags: ["a b"]
        ---
        spec:
          name: Fine
        """,
    )
    places = {one.split(": ")[0]: one.split(": ")[1] for one in found}
    assert places == {
        "f.yml:2:7": "spec.id",
        "f.yml:4:3": "spec.colour",
        "f.yml:5:9": "spec.cron",
        "f.yml:6:12": "spec.timeout",
        "f.yml:7:12": "spec.retries",
        "f.yml:8:20": "spec.retry.backoff",
        "f.yml:9:12": "spec.enabled",
        "f.yml:10:10": "spec.tags.0",
        "f.yml:12:1": "spec.handler",
    }


# ------------------------------------------------------------------------------------------- short forms


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["cron: 0 2 * * *"], {"trigger": {"kind": "cron", "expression": "0 2 * * *"}}),
        (["every: 15m"], {"trigger": {"kind": "every", "seconds": 900}}),
        (["every: 90"], {"trigger": {"kind": "every", "seconds": 90}}),
        (["every: weekday at 09:30"], {"schedule": "every weekday at 09:30"}),
        (["at: 2099-12-24T18:00:00+01:00"], {"trigger": {"kind": "once", "at": "2099-12-24T18:00:00+01:00"}}),
        (["enabled: false"], {"paused": True}),
        (["enabled: true"], {"paused": False}),
        (["retries: 3"], {"retry": {"max_attempts": 4}}),
        (["retries: 3", "retry: {delay: 30s}"], {"retry": {"max_attempts": 4, "delay_seconds": 30}}),
        (["timeout: 15m"], {"timeout_seconds": 900}),
        (["timeout_seconds: 1h30m"], {"timeout_seconds": 5400}),
        (["timeout: null"], {}),
        (["retry: {max_delay: 1h, max_attempts: 2}"], {"retry": {"max_delay_seconds": 3600, "max_attempts": 2}}),
        (["catch_up: {mode: all, window: 1d}"], {"catch_up": {"mode": "all", "window_seconds": 86_400}}),
        (["data: {timeout: 15m}"], {"data": {"timeout": "15m"}}),
    ],
)
def test_short_forms(tmp_path: Path, lines: list[str], expected: dict[str, Any]) -> None:
    found = body(tmp_path, *lines)
    own = {"id": "a", "handler": "log-job", "managed_by": "file f.yml"}
    assert found == {**own, **expected}
    Definition.from_wire(found)


def test_an_id_is_made_of_the_name(tmp_path: Path) -> None:
    [found] = read(tmp_path, "spec: {name: Check web shop, handler: fetch}")
    assert found.body["id"] == "check-web-shop"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["cron: 0 2 * * *", "every: 5m"], "spec.every: Say cron or every, not both."),
        (["enabled: true", "paused: true"], "spec.enabled: Say enabled or paused, not both."),
        (["retries: 1", "retry: {max_attempts: 3}"], "spec.retries: Say retries or retry.max_attempts, not both."),
        (["timeout: 5m", "timeout_seconds: 3"], "spec.timeout: Say timeout or timeout_seconds, not both."),
        (["timeout: 500d"], "f.yml:4:12: spec.timeout: Must be from 0.001 to"),
        (["every: 0s"], "f.yml:4:10: spec.every: "),
        (["at: tomorrow"], "f.yml:4:7: spec.at: "),
        (["schedule: every blue moon"], "f.yml:4:13: spec.schedule: "),
        (["trigger: {kind: cron, expression: '99 * * * *'}"], "f.yml:4:37: spec.trigger.expression: "),
        (["managed_by: me"], "f.yml:4:15: spec.managed_by: This is what apply says"),
        (["retries: 5000"], "spec.retries: Must be a whole number"),
        (["timezone: Mars/Base", "cron: 0 2 * * *"], "f.yml:4:13: spec.timezone: "),
    ],
)
def test_mistakes_in_short_forms_are_told_in_their_own_words(tmp_path: Path, lines: list[str], said: str) -> None:
    text = "\n".join(["spec:", "  id: a", "  handler: log-job", *(f"  {one}" for one in lines)])
    found = problems(tmp_path, text)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2d", 172_800),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        (7, 7),
        (0.25, 0.25),
    ],
)
def test_durations(text: Any, seconds: float) -> None:
    assert durations.parse(text) == seconds
    assert durations.parse(durations.shown(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "m", "15", "5 minutes", "-5m", "1h-5m", True, None, []])
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="Must be a duration: 15m"):
        durations.parse(text)


# ------------------------------------------------------------------------------------------- variables


def test_variables() -> None:
    replace = sources.from_environment({"A": "1", "B_2": "x y"})
    assert replace("${A}-${B_2}-$A-$${A}-$(date)-100$") == "1-x y-$A-${A}-$(date)-100$"
    for text in ("${C}", "${A", "${}", "${A-x}"):
        with pytest.raises(ValueError, match=r"\$\$\{ for \$\{ itself"):
            replace(text)


def test_a_variable_without_quotes_is_read_as_yaml_and_in_quotes_is_text(tmp_path: Path) -> None:
    replace = sources.from_environment({"N": "3", "P": "0123"})
    [found] = nodes.read("a: ${N}\nb: '${N}'\nc: '${P}'\n", "f", replace)
    assert found.plain() == {"a": 3, "b": "3", "c": "0123"}
