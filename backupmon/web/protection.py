"""What protects every page: the token in every form, the headers, the cookies, the bounds."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response
from flask_wtf.csrf import CSRFProtect

from backupmon.config import PREFIX, SECRET_LENGTH, Settings, SettingsError
from backupmon.storage.secrets import read_or_make_secret

#: Every request that changes something must bear the token of its session: in the field
#: ``csrf_token``, or in the header ``X-CSRFToken``. What bears no cookie may be exempt.
csrf = CSRFProtect()

#: The largest request, and the most of it that is not a file, in bytes.
MOST_BYTES, MOST_FORM_BYTES = 10 * 2**20, 2 * 2**20
MOST_FORM_PARTS = 1000

#: Everything comes from this server, and nothing from within a page.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "font", "connect")),
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: A year; of this host only, since others of the domain are not ours to speak for.
_HSTS = "max-age=31536000"


def protect(app: Flask, settings: Settings) -> None:
    """Set up all of it.

    Raises
    ------
    SettingsError
        When there is no key to sign cookies with.
    """
    app.secret_key = signing_key(settings)
    app.config.update(
        SESSION_COOKIE_NAME="backupmon_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.is_https,
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_FORM_BYTES,
        MAX_FORM_PARTS=MOST_FORM_PARTS,
        # Pages stay open for days; their token is as good as their session.
        WTF_CSRF_TIME_LIMIT=None,
        # The token and SameSite do; a Referer is what some browsers are told to keep.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.extend({k: v for k, v in HEADERS.items() if k not in response.headers})
        if settings.is_https:
            response.headers["Strict-Transport-Security"] = _HSTS
        # Nothing that was for one reader's eyes stays behind in a cache.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def signing_key(settings: Settings) -> str:
    """The key that signs cookies: SECRET_KEY, else the file ``secret_key`` in DATA_DIR."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = settings.data_dir / "secret_key"
    try:
        key = read_or_make_secret(path)
    except (OSError, ValueError) as error:
        raise _no_key(path, f"cannot be used: {error}") from error
    if len(key) < SECRET_LENGTH:
        raise _no_key(path, "is too short to be a key")
    return key


def _no_key(path: Path, problem: str) -> SettingsError:
    return SettingsError(
        f"{path}, which signs cookies, {problem}",
        f"delete it to get a new one (all are signed out), or set {PREFIX}SECRET_KEY",
    )
