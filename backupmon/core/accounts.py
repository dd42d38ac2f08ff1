"""Who may do what, and what names and passwords may be."""

from __future__ import annotations

import ipaddress
import unicodedata
from enum import StrEnum

from backupmon.core.errors import RefusedError
from backupmon.core.job_spec import FieldFault
from backupmon.core.text import one_line
from backupmon.core.words import to_translate

#: In characters.
LONGEST_NAME, LONGEST_PASSWORD = 64, 256
#: What a page takes at the least; the command line takes any that is not empty.
SHORTEST_PASSWORD = 8


class Role(StrEnum):
    """What a person may do; each may do all that those before it may."""

    #: Looks on, and changes nothing but the own account.
    VIEWER = "viewer"
    #: Works with jobs and quarantine.
    OPERATOR = "operator"
    #: Works with users and tokens.
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Scope(StrEnum):
    """What a program with an API token may do."""

    READ = "read"
    WRITE = "write"

    def may(self, needed: Scope) -> bool:
        """Whether this scope is enough where `needed` is."""
        return self is Scope.WRITE or needed is Scope.READ


class AccountRefusedError(RefusedError):
    """A user or token that may not be like that; `faults` tell why, field by field."""

    def __init__(self, faults: list[FieldFault]) -> None:
        super().__init__(
            "; ".join(f"{fault.field} {fault.problem}" for fault in faults),
            "; ".join(fault.hint for fault in faults if fault.hint),
        )
        self.faults = faults


def name_key(name: str) -> str:
    """`name` as names of users and tokens are compared: without regard to case and form."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def name_faults(name: str) -> list[FieldFault]:
    """Why nobody may have that name. Any name that can be read is one, be it ``<b>``."""
    if not name_key(name):
        return [FieldFault("name", to_translate("is empty"))]
    if len(name) > LONGEST_NAME or len(name_key(name)) > 4 * LONGEST_NAME:
        return [FieldFault("name", to_translate("is too long: 64 characters are the most"))]
    if one_line(name) != name or any(_is_unseen(char) for char in name):
        return [FieldFault("name", to_translate("has characters that cannot be seen"))]
    return []


def _is_unseen(char: str) -> bool:
    """Two names must not look the same for a character without a shape."""
    return char != " " and unicodedata.category(char) in ("Cf", "Co", "Cn", "Zs")


def password_faults(password: str, name: str, shortest: int) -> list[FieldFault]:
    """Why that cannot be the password of the user `name`.

    Parameters
    ----------
    shortest:
        How many characters it has at the least.
    """
    if not password:
        return [FieldFault("password", to_translate("is empty"))]
    if len(password) < shortest:
        return [
            FieldFault(
                "password",
                to_translate("is too short: 8 characters are the least"),
                to_translate("three or four words by chance are easy to keep and hard to guess"),
            )
        ]
    if len(password) > LONGEST_PASSWORD:
        return [FieldFault("password", to_translate("is too long: 256 characters are the most"))]
    if shortest > 1 and name_key(password) == name_key(name):
        return [FieldFault("password", to_translate("is the name, which everybody knows"))]
    return []


def normal_password(password: str) -> str:
    """`password` in one form, whichever keyboard it was typed on."""
    return unicodedata.normalize("NFC", password)


def address_key(address: str | None) -> str:
    """The part of a network address that one household or attacker shares.

    Whoever has one address of IPv6 has its whole network of 64 bits.
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
