"""The templates' environment: as Flask's, but faster where templates read what the API answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import markupsafe
from flask import Flask
from flask.templating import Environment
from jinja2.compiler import CodeGenerator
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.compiler import Frame

_OF_EVERY_DICT = frozenset(dir(dict))
# What escape() itself calls for a text. It is no public name: where there is none, it takes as long as ever.
_escaped_text: Callable[[str], str] = getattr(markupsafe, "_escape_inner", escape)


def escaped(value: Any) -> str:
    """Return what :func:`markupsafe.escape` returns, as a plain text: an expression of a template is only joined.

    It is called five thousand times for a list, and to make each a :class:`Markup` is four fifths of what it takes.
    """
    if type(value) is str:
        return _escaped_text(value)
    return value.__html__() if hasattr(value, "__html__") else _escaped_text(str(value))


class _Generator(CodeGenerator):
    """Writes the code of templates: as Jinja does, with another name for ``escape``."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None:
            self.write("environment.escaped(")
        else:
            super()._output_child_pre(node, frame, finalize)


class Templates(Environment):
    """Reads ``schedule.title`` of a dict as an item at once.

    Jinja tries an attribute first, and a dict has none of that name: an exception for each of the thousands of names
    that the page of a list reads. What every dict has (``.items()``) stays what it is.
    """

    code_generator_class = _Generator
    escaped = staticmethod(escaped)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute or item of ``obj``, as Jinja does."""
        if type(obj) is dict and attribute not in _OF_EVERY_DICT:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def kept(macro: Callable[..., Markup]) -> Callable[..., Markup]:
    """Return a macro that remembers what it has said: for one that says the same about the same, in a page's thousands.

    What it is given must be hashable, and it may look at nothing else that differs between requests.
    """
    return lru_cache(maxsize=4096)(macro)


class Pages(Flask):
    """A Flask app with such templates."""

    jinja_environment = Templates
