"""Addresses of the internet: which lead out, and which into a private network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: IPv6 that gateways and systems turn into the IPv4 address in its last 32 bits: mapped,
#: translated (SIIT), compatible, and by NAT64.
_HOLDING_IPV4 = (
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("::/96"),
    IPv6Network("64:ff9b::/96"),
)
#: NAT64 within one network (RFC 8215), whose gateways lead wherever it likes.
_NAT64_OF_A_NETWORK = IPv6Network("64:ff9b:1::/48")
_LAST_32_BITS = 0xFFFFFFFF


def is_public(address: str) -> bool:
    """Whether a numeric address (``1.1.1.1``, ``fe80::1%eth0``) is one that all the world has.

    One that is carried to an IPv4 address is as that one is. Teredo is never public: of its
    addresses whoever makes them up chooses both the client and the server.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found in _NAT64_OF_A_NETWORK or found.teredo is not None:
            return False
        found = _ipv4_in(found) or found
    return found.is_global and not found.is_multicast


def _ipv4_in(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to it end at, if any."""
    if any(address in network for network in _HOLDING_IPV4):
        return IPv4Address(int(address) & _LAST_32_BITS)
    return address.sixtofour
