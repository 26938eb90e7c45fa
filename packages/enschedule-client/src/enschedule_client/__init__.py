"""The typed REST client of Enschedule, over a socket or in the same process."""

from enschedule_client.client import Client
from enschedule_client.transport import InlineTransport

__all__ = ["Client", "InlineTransport"]
