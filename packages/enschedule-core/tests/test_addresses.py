"""Which addresses are public, and what the setting allows besides."""

from __future__ import annotations

import ipaddress

import pytest

from enschedule_core import AddressGuard
from enschedule_core.addresses import is_public

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001:0:4136:e378::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "2606:4700:4700::1111",
    "2a00:1450:400f::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_special_address_is_not_public_and_not_allowed(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not AddressGuard().allows(ipaddress.ip_address(address))
    assert AddressGuard.parse("true").allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert AddressGuard.parse("false").allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("setting", "address", "allowed"),
    [
        ("127.0.0.0/8,::1", "127.0.0.1", True),
        ("127.0.0.0/8,::1", "::ffff:127.0.0.1", True),
        ("127.0.0.0/8, ::1", "::1", True),
        ("127.0.0.0/8,::1", "10.0.0.1", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3/8", "10.200.0.1", True),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fc00::1", False),
        ("", "10.0.0.1", False),
        ("FALSE", "10.0.0.1", False),
    ],
)
def test_networks_are_allowed_by_name(setting: str, address: str, allowed: bool) -> None:
    assert AddressGuard.parse(setting).allows(ipaddress.ip_address(address)) is allowed


@pytest.mark.parametrize("setting", ["maybe", "10.0.0.0/99", "localhost", "10.0.0.1-10.0.0.9"])
def test_a_wrong_setting_is_said_and_allows_nothing(setting: str) -> None:
    with pytest.raises(ValueError, match=r"ENSCHEDULE_FETCH_ALLOW_PRIVATE: .*for example"):
        AddressGuard.parse(setting)


@pytest.mark.parametrize("address", ["2002:7f00:1::1", "10.1.2.3", "fd12::1"])
def test_the_narrowest_setting_allows_the_address_and_no_other(address: str) -> None:
    found = ipaddress.ip_address(address)
    variable, _, value = AddressGuard.setting_for(found).partition("=")
    assert variable == AddressGuard.VARIABLE
    assert AddressGuard.parse(value).allows(found)
    assert not AddressGuard.parse(value).allows(ipaddress.ip_address("10.9.9.9"))
