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
    many,
    pausing,
    probes,
    profile,
    revoking,
    run,
    run_output,
    runs,
    saved,
    schedule,
    schedules,
    secrets,
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
        run_output,
        calendar,
        handlers,
        workers,
        go,
        login,
        admin,
        secrets,
        audit,
        profile,
        revoking,
        probes,
    )
    return tuple(module.blueprint for module in modules)
