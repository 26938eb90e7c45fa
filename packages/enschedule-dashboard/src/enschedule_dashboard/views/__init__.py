"""The pages, one module each; every module has its ``blueprint``."""

from __future__ import annotations

from flask import Blueprint

from enschedule_dashboard.views import (
    admin,
    audit,
    calendar,
    editor,
    everything,
    go,
    handlers,
    home,
    login,
    profile,
    run,
    runs,
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
        schedule,
        editor,
        runs,
        run,
        calendar,
        handlers,
        workers,
        go,
        login,
        admin,
        audit,
        profile,
    )
    return tuple(module.blueprint for module in modules)
