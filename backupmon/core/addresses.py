"""Addresses of the internet: which lead out, and which into a private network."""

from __future__ import annotations

import ipaddress


def is_public(address: str) -> bool:
    """Whether a numeric address (``1.1.1.1``, ``fe80::1%eth0``) is one that all the world has."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast
