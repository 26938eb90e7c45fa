"""Which addresses may be connected to for a schedule.

A schedule's author is not the machine's owner: without a guard, a request would read the cloud's metadata service and
whatever else answers inside the network. So the address that is actually connected to, of each redirect too, must be a
public one, or one that the operator allows.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import ClassVar, Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IPv6 forms that carry an IPv4 address, and how far it stands from the right
_EMBEDDING: tuple[tuple[ipaddress.IPv6Network, int], ...] = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped, RFC 4291
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # translated, RFC 2765
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (ipaddress.IPv6Network("::/96"), 0),  # compatible, RFC 4291; ::1 and :: fall in here too
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Special by the IANA registries, but global for the ipaddress module of some supported Python
_SPECIAL: tuple[Network, ...] = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("2001::/23"),
    ipaddress.IPv6Network("3fff::/20"),
)


def unwrap(address: Address) -> Address:
    """Return the IPv4 address inside a mapped, translated, compatible, NAT64 or 6to4 address, else ``address``."""
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network:
                return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Return whether ``address`` is one of the open internet, after unwrapping; multicast is not."""
    inner = unwrap(address)
    if not inner.is_global or inner.is_multicast or any(inner in network for network in _SPECIAL):
        return False
    return not isinstance(inner, ipaddress.IPv6Address) or inner in _GLOBAL_UNICAST


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Lets public addresses pass, those in ``networks``, and with ``everything`` all of them.

    What it lets pass besides public ones is the operator's choice, in the environment variable :attr:`VARIABLE`.
    """

    VARIABLE: ClassVar[str] = "ENSCHEDULE_FETCH_ALLOW_PRIVATE"

    everything: bool = False
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``false`` (or nothing), ``true``, or networks with commas between; anything else is a ValueError."""
        word = text.strip().lower()
        if word in {"", "false", "0", "no", "off"}:
            return cls()
        if word in {"true", "1", "yes", "on"}:
            return cls(everything=True)
        try:
            parts = [part.strip() for part in word.split(",") if part.strip()]
            return cls(networks=tuple(ipaddress.ip_network(part, strict=False) for part in parts))
        except ValueError as error:
            raise ValueError(
                f"{cls.VARIABLE}: {error}; write true, false or networks, for example 10.0.0.0/8,::1"
            ) from None

    def allows(self, address: Address) -> bool:
        """Return whether ``address`` may be connected to."""
        inner = unwrap(address)
        return (
            self.everything
            or is_public(address)
            or any(inner in network or address in network for network in self.networks)
        )

    @classmethod
    def setting_for(cls, address: Address) -> str:
        """Return the narrowest setting that allows ``address``, as one writes it: ``VARIABLE=10.1.2.3/32``."""
        inner = unwrap(address)
        return f"{cls.VARIABLE}={ipaddress.ip_network((inner, 32 if inner.version == 4 else 128))}"
