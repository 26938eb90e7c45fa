"""The pages, one module each; every module has its ``blueprint``."""

from __future__ import annotations

from flask import Blueprint

from enschedule_dashboard.views import (
    admin,
    calendar,
    editor,
    everything,
    go,
    handlers,
    home,
    login,
    many,
    pausing,
    profile,
    run,
    runs,
    saved,
    schedule,
    schedules,
    workers,
)


def blueprints() -> tuple[Blueprint, ...]:
    """Return all pages."""
    modules = (
        home,
        everything,
        schedules,
        many,
        saved,
        schedule,
        pausing,
        editor,
        runs,
        run,
        calendar,
        handlers,
        workers,
        go,
        login,
        admin,
        profile,
    )
    return tuple(module.blueprint for module in modules)
