"""A text that a page bears from its preview to its confirmation.

Nothing of it stays on the server, so nothing has to be found again there, or cleaned up.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode

from backupmon.web.protection import MOST_BYTES, MOST_FORM_BYTES

#: The most that a page bears; the form's other fields need some room too.
_MOST_KEPT = MOST_FORM_BYTES - 2**16
#: UTF-16 may be half as large again in UTF-8.
_MOST_TEXT = MOST_BYTES * 2


def keep(text: str) -> str | None:
    """`text` for a hidden field, which browsers return unchanged; None when it is too large."""
    kept = b64encode(zlib.compress(text.encode())).decode()
    return kept if len(kept) <= _MOST_KEPT else None


def kept_text(kept: str) -> str | None:
    """What `keep` was given; None for what it never made."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(b64decode(kept, validate=True), _MOST_TEXT)
        return data.decode() if unpacking.eof else None
    except (binascii.Error, zlib.error, ValueError):
        return None
