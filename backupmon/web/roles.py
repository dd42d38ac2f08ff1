"""Roles and scopes in words."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from backupmon.core.accounts import Role, Scope

ROLE_WORDS = {
    Role.VIEWER: _l("viewer: looks on"),
    Role.OPERATOR: _l("operator: works with jobs and quarantine"),
    Role.ADMIN: _l("admin: works with users and tokens too"),
}
SCOPE_WORDS = {
    Scope.READ: _l("read: looks on"),
    Scope.WRITE: _l("write: changes jobs and asks for scans too"),
}
