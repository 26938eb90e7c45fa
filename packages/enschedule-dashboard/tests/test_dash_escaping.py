"""Templates escape as Jinja's own do, only sooner."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from enschedule_dashboard.templating import Pages, escaped, kept

HOSTILE = "<script>alert('x')</script> & \"quoted\""


class Shown:
    """Something with markup of its own."""

    def __html__(self) -> str:
        return "<i>its own</i>"

    def __str__(self) -> str:
        return HOSTILE


class Said:
    """Something that is a text only when asked."""

    def __str__(self) -> str:
        return HOSTILE


class Worded(str):
    """A text of another kind, which is not markup."""

    __slots__ = ()


@pytest.fixture
def ours() -> jinja2.Environment:
    return Pages("test").jinja_env


@pytest.fixture
def theirs() -> jinja2.Environment:
    return Flask("test").jinja_env


@given(st.text() | st.integers() | st.none() | st.floats() | st.lists(st.text()))
def test_whatever_is_escaped_is_as_markupsafe_escapes_it(value: Any) -> None:
    assert escaped(value) == str(escape(value))


@pytest.mark.parametrize("value", [Markup("<b>"), Shown(), Said(), Worded(HOSTILE), b"<b>", True, jinja2.Undefined()])
def test_objects_are_escaped_as_markupsafe_escapes_them(value: Any) -> None:
    assert escaped(value) == str(escape(value))


SOURCES = (
    "{{ it }}",
    "{{ it|upper }} {{ it ~ it }} {{ it|safe }} {{ '<b>' }} {{ (it ~ '<')|e }}",
    '{% macro m(x) %}<p title="{{ x }}">{{ x }}{{ caller() if caller }}</p>{% endmacro %}{{ m(it) }}{{ m(m(it)) }}',
    "{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}{% call m(it) %}{{ it }}<br>{% endcall %}",
    "{% set told %}{{ it }}<hr>{% endset %}{{ told }}{{ told|length }}",
    "{% for one in [it, 1, none, 'a<b'] %}{{ one }},{{ loop.index }}{% endfor %}",
    "{% autoescape false %}{{ it }}{% endautoescape %}{{ it }}",
    "{% filter upper %}{{ it }}<b>{% endfilter %}",
    "{{ nothing }}{{ told.more if told }}",
)


@pytest.mark.parametrize("value", [HOSTILE, Markup("<b>&amp;</b>"), Shown(), Said(), Worded(HOSTILE), 12.5])
@pytest.mark.parametrize("source", SOURCES)
def test_a_template_says_what_jinja_says(
    ours: jinja2.Environment, theirs: jinja2.Environment, source: str, value: Any
) -> None:
    assert ours.from_string(source).render(it=value) == theirs.from_string(source).render(it=value)


def test_the_faster_escape_is_the_one_that_is_written(ours: jinja2.Environment) -> None:
    assert "environment.escaped(" in str(ours.compile("{{ it }}", raw=True))


def test_a_macro_that_is_kept_says_the_same_without_being_asked_again(ours: jinja2.Environment) -> None:
    asked: list[str] = []
    ours.globals.update(kept=kept, told=lambda word: asked.append(word) or word)
    source = (
        "{% macro _m(x) %}<b>{{ told(x) }}</b>{% endmacro %}{% set m = kept(_m) %}{{ m('<') }}{{ m('<') }}{{ m('>') }}"
    )
    assert ours.from_string(source).render() == "<b>&lt;</b><b>&lt;</b><b>&gt;</b>"
    assert asked == ["<", ">"]
