"""Which addresses a notice may go to that a schedule names: public ones, and those that the operator allows.

Whoever may edit a schedule is not the owner of the machine: without this, a notice would be a request into its network.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self

from enschedule_core.errors import ConfigurationError

VARIABLE = "ENSCHEDULE_FETCH_ALLOW_PRIVATE"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Ways to write an IPv4 address into an IPv6 one, and by how many bits it is shifted there
_CARRIERS = [
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (("::ffff:0:0/96", 0), ("::ffff:0:0:0/96", 0), ("64:ff9b::/96", 0), ("2002::/16", 80))
]
_RESERVED = [ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")]
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _CARRIERS:
            if address in network:
                return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Return whether an address belongs to one host on the open internet."""
    meant = plain(address)
    if isinstance(meant, ipaddress.IPv6Address) and meant not in _PUBLIC_V6:
        return False
    return meant.is_global and not meant.is_multicast and not any(meant in network for network in _RESERVED)


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets public addresses pass, those in ``networks``, and with ``everything`` all of them."""

    everything: bool = False
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``false``, ``true``, or networks with commas between. Raises :class:`ConfigurationError`."""
        word = text.strip().lower()
        if word in ("true", "1", "yes", "on"):
            return cls(everything=True)
        if word in ("", "false", "0", "no", "off"):
            return cls()
        try:
            return cls(networks=tuple(ipaddress.ip_network(part.strip(), strict=False) for part in word.split(",")))
        except ValueError as problem:
            raise ConfigurationError(f"{VARIABLE}: {problem}.", hint=f"For example {VARIABLE}=10.0.0.0/8,::1") from None

    def allows(self, address: Address) -> bool:
        """Return whether to connect to ``address``."""
        meant = plain(address)
        listed = any(meant in network or address in network for network in self.networks)
        return self.everything or listed or is_public(address)
