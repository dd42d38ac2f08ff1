"""Which addresses of channels are taken."""

from __future__ import annotations

import warnings

import pytest

from backupmon.core.channels import IN_THE_CLEAR, OWN_SERVERS, SERVICES, masked, read_channel_url
from backupmon.core.errors import RefusedError

SECRET = "hush-hush"


@pytest.mark.parametrize(
    "url",
    [
        f"slack://{SECRET}/b/c/#channel",
        f"tgram://123456789:{SECRET}/987654321",
        f"ntfys://user:{SECRET}@ntfy.example.org/topic",
        f"jsons://example.org/{SECRET}?+X-Token=a&format=text",
    ],
)
def test_what_speaks_https_is_taken(url: str) -> None:
    assert read_channel_url(f" {url}\n", in_the_clear=False) == url
    assert SECRET not in masked(url)


@pytest.mark.parametrize(
    "url",
    [
        # Runs programs, reads files, speaks to the machine or to hardware, or is a second mail.
        "syslog://", "dbus://", "gnome://", "macosx://", "windows://", "blink1://", "glib://",
        "file:///etc/passwd", "mqtt://h/t", "mailto://a:hush-hush@x.org", "rsyslog://h", "irc://h/c",
        "fcm://p/k?keyfile=/etc/passwd", "vapid://x", "xmpp://h", "growl://h", "kodi://h",
        # Theirs, though they look like others.
        "https://hooks.slack.com/services/hush-hush", "http://x.org", "SLACK://a", "slack", "",
        "slack:/a/b", "slack://", "slack://a b", "slack://a\nsyslog://", "slack://a,\tdbus://",
        "slack://" + "a" * 3000,
        # Options that read files, or weaken what protects the secret.
        "slack://hush-hush/b/c?template=/etc/passwd", "workflows://h/w/s/?Template=x",
        "slack://a/b/c?format=text&%74emplate=/etc/passwd", "jsons://h?+template=x",
        "jsons://h?verify=no", "jsons://h?redirect=yes", "jsons://h?attach=/etc/passwd",
    ],
)  # fmt: skip
def test_all_else_is_refused_in_words_that_hold_no_secret(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_channel_url(url, in_the_clear=True)
    assert SECRET not in refused.value.message + refused.value.hint


def test_what_does_not_encrypt_is_for_ones_own_network_only() -> None:
    with pytest.raises(RefusedError, match="does not encrypt"):
        read_channel_url("json://127.0.0.1:8000/x", in_the_clear=False)
    assert read_channel_url("json://127.0.0.1:8000/x", in_the_clear=True)


def test_apprise_knows_all_kinds_that_are_taken_and_none_needs_more_than_requests() -> None:
    with warnings.catch_warnings():
        # It loads all kinds, some of which are old.
        warnings.simplefilter("ignore")
        manager = pytest.importorskip("apprise.apprise", reason="Apprise is not installed").N_MGR
        manager.load_modules()
    for schema in sorted(SERVICES | OWN_SERVERS | IN_THE_CLEAR):
        assert schema in manager.schemas(), schema
        plugin = manager[schema]
        assert plugin.enabled, schema
        assert plugin.secure_protocol, schema
