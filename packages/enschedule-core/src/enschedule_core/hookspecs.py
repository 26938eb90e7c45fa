"""What a plugin can hook into (pluggy project ``enschedule``).

A plugin is a module, or the object that an entry point of the group ``enschedule.handlers`` names.
Arguments of a hook are only ever added, and an implementation takes those that it wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from enschedule_core.executor import ExecutorRegistration
    from enschedule_core.registrar import Registration

PROJECT = "enschedule"
#: What this version offers to plugins. A module that needs a newer one says so: ``ENSCHEDULE_PLUGIN_API = 2``.
PLUGIN_API = 1

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a plugin's implementation of a hook.
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def enschedule_register_handlers(registry: Registration) -> None:
    """Register the plugin's handlers by ``registry.register(handler)`` or ``registry.register_job(...)``.

    Called once, when the plugin is loaded. If it raises, none of the plugin's handlers is registered and
    the plugin is listed as broken; so it is for a second handler of one id and version.
    """


@hookspec
def enschedule_register_executors(executors: ExecutorRegistration) -> None:
    """Offer a way of running handlers by ``executors.register(name, factory)``; ``ENSCHEDULE_EXECUTOR`` chooses one.

    Called once, when a worker is built, with every plugin loaded; not in child processes. The contract is
    :class:`enschedule_core.executor.Executor`. If it raises, the plugin is listed as broken.
    """
