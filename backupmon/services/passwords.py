"""Hashes of passwords (Argon2id), and of secrets that chance made."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache
from typing import TYPE_CHECKING

from backupmon.core.accounts import LONGEST_PASSWORD, normal_password

if TYPE_CHECKING:
    from argon2 import PasswordHasher


@cache
def hasher() -> PasswordHasher:
    """Argon2id with the library's own parameters, those of RFC 9106 for little memory."""
    # Imported late: most commands do without.
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return hasher().hash("nobody's")


def hash_password(password: str) -> str:
    """What is stored of a password."""
    return hasher().hash(normal_password(password))


def is_password(password: str, stored: str | None) -> bool:
    """Whether `password` is the one of which `stored` is the hash.

    Parameters
    ----------
    stored:
        None where there is no such user. That takes as long: the time must not tell.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        fits = hasher().verify(
            stored or _nobodys_hash(), normal_password(password[: LONGEST_PASSWORD + 1])
        )
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    return hasher().check_needs_rehash(stored)


def hash_secret(secret: str) -> str:
    """What is stored of a secret with 256 bits by chance: it needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(secret: str, stored: str) -> bool:
    """Whether `stored` is the hash of `secret`; the time tells nothing."""
    return hmac.compare_digest(hash_secret(secret), stored)
