"""Which addresses may be fetched from.

A schedule's author is not the machine's owner: without a guard, ``fetch`` would read the cloud's metadata service
and whatever else answers inside the network. So the address that is actually connected to must be a public one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from enschedule_core import Fail

VARIABLE = "ENSCHEDULE_FETCH_ALLOW_PRIVATE"

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
class Guard:
    """What ENSCHEDULE_FETCH_ALLOW_PRIVATE allows besides public addresses: everything, or these networks."""

    everything: bool = False
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Guard:
        """Read ``false`` (or nothing), ``true``, or networks with commas between; anything else is a ``Fail``."""
        word = text.strip().lower()
        if word in {"", "false", "0", "no", "off"}:
            return cls()
        if word in {"true", "1", "yes", "on"}:
            return cls(everything=True)
        try:
            parts = [part.strip() for part in word.split(",") if part.strip()]
            return cls(networks=tuple(ipaddress.ip_network(part, strict=False) for part in parts))
        except ValueError as error:
            raise Fail(f"{VARIABLE}: {error}; write true, false or networks, for example 10.0.0.0/8,::1") from None

    def allows(self, address: Address) -> bool:
        """Return whether ``address`` may be connected to."""
        inner = unwrap(address)
        return (
            self.everything
            or is_public(address)
            or any(inner in network or address in network for network in self.networks)
        )


def refusal(host: str, address: Address) -> Fail:
    """Return the failure for a host of which no address may be connected to; it names the setting."""
    inner = unwrap(address)
    network = ipaddress.ip_network((inner, 32 if inner.version == 4 else 128))
    named = str(address) if host.strip("[]") == str(address) else f"{host} is {address}, which"
    return Fail(
        f"{named} is not a public address, so it was not fetched; if it should be, "
        f"set {VARIABLE}={network} (or a larger network, or true) for the worker"
    )
