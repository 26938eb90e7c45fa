"""When a schedule is due: cron expressions, intervals, one instant, by hand, and phrases that become one of them."""

from enschedule_core.triggers.base import Trigger
from enschedule_core.triggers.cron import Cron
from enschedule_core.triggers.every import Every
from enschedule_core.triggers.kinds import KINDS, register_kind
from enschedule_core.triggers.once import Manual, Once
from enschedule_core.triggers.preview import Preview, preview
from enschedule_core.triggers.wire import check_fires, from_wire, parse

__all__ = [
    "KINDS",
    "Cron",
    "Every",
    "Manual",
    "Once",
    "Preview",
    "Trigger",
    "check_fires",
    "from_wire",
    "parse",
    "preview",
    "register_kind",
]
