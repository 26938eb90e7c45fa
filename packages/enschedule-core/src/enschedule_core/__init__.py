"""The domain of Enschedule and its plugin API.

What is exported here is what plugins may use; everything else can change between versions.
"""

from enschedule_core.addresses import AddressGuard
from enschedule_core.context import Channel, Context, Stream
from enschedule_core.handler import Cancel, Fail, Handler, Registrar, Retry, handler
from enschedule_core.hookspecs import PLUGIN_API, hookimpl
from enschedule_core.registrar import Registration

__all__ = [
    "PLUGIN_API",
    "AddressGuard",
    "Cancel",
    "Channel",
    "Context",
    "Fail",
    "Handler",
    "Registrar",
    "Registration",
    "Retry",
    "Stream",
    "handler",
    "hookimpl",
]
