"""Calls of a page that do not need each other's answers: made at once, where each of them is a way to another place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from flask import g

T = TypeVar("T")
MOST = 32


def ahead(ask: Callable[[], T]) -> Callable[[], T]:
    """Return what gives the answer of ``ask``, or raises what it raised.

    With a worker elsewhere it is asked from now on, in a thread beside this one: it must not look at the request, so
    take the client out of it before. With a worker in this process there is no way to wait for, and a call beside
    this one would be of another moment: then it is asked in this thread, when the answer is wanted.
    """
    return _threads().submit(ask).result if g.get("elsewhere") else ask


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process, made with the first page: a server has forked by then."""
    return ThreadPoolExecutor(MOST, thread_name_prefix="ahead")
