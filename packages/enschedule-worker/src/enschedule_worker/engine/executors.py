"""Which executors there are: ours, and those of plugins."""

from __future__ import annotations

import difflib

from enschedule_core.errors import ConfigurationError
from enschedule_core.executor import Executor, ExecutorFactory, ExecutorOptions, ExecutorRegistration
from enschedule_core.loading import broken
from enschedule_core.registry import Registry
from enschedule_core.source import Source
from enschedule_worker.engine.executor import ThreadExecutor
from enschedule_worker.engine.processes import ProcessExecutor


def make(name: str, options: ExecutorOptions) -> Executor:
    """Return the executor that ENSCHEDULE_EXECUTOR names."""
    return find(name, offers(options.registry))(options)


def find(name: str, offered: ExecutorRegistration) -> ExecutorFactory:
    """Return the factory of that name; :class:`ConfigurationError` if there is none."""
    factory = offered.find(name)
    if factory is None:
        near = difflib.get_close_matches(name, offered.names(), n=1)
        raise ConfigurationError(
            f"ENSCHEDULE_EXECUTOR: there is no executor {name!r}; there is {', '.join(offered.names())}.",
            hint=f"For example ENSCHEDULE_EXECUTOR={near[0] if near else 'process'}",
        )
    return factory


def offers(registry: Registry) -> ExecutorRegistration:
    """Return all executors by name. A plugin whose hook raises is listed as broken, and the others count."""
    found = ExecutorRegistration()
    found.register("process", ProcessExecutor)
    found.register("thread", ThreadExecutor)
    for implementation in registry.pm.hook.enschedule_register_executors.get_hookimpls():
        try:
            implementation.function(*(found for name in implementation.argnames if name == "executors"))
        except Exception as problem:  # noqa: BLE001 - a plugin's code
            source = Source("module", implementation.plugin_name)
            if all(one.source != source for one in registry.broken):  # asked before
                registry.add_broken(broken(implementation.plugin_name, source, problem))
    return found
