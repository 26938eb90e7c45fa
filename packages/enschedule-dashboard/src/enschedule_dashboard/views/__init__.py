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
    profile,
    run,
    run_output,
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
        run_output,
        calendar,
        handlers,
        workers,
        go,
        login,
        admin,
        profile,
    )
    return tuple(module.blueprint for module in modules)
