"""Which addresses of channels are taken: of Apprise's many kinds, those that only speak HTTPS.

What is not listed is refused: some kinds run a program, read a file of this server, or speak to
hardware. An address is a secret, so that nothing here ever tells more of it than its kind.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from backupmon.core.errors import RefusedError
from backupmon.core.text import clean
from backupmon.core.words import to_translate

#: Services of the internet, whose hosts are their own.
SERVICES = frozenset({
    "betterstack", "clicksend", "dingtalk", "discord", "feishu", "flock", "gchat", "ifttt",
    "ilert", "incidentio", "join", "lark", "line", "msgbird", "nexmo", "opsgenie", "pagerduty",
    "pagertree", "pbul", "plivo", "pover", "prowl", "pushy", "sendgrid", "signl4", "sinch",
    "slack", "spike", "splunk", "squadcast", "tgram", "threema", "twilio", "twist", "victorops",
    "vonage", "webex", "wecombot", "whatsapp", "workflow", "workflows", "wxteams", "zulip",
})  # fmt: skip
#: Servers of one's own, by HTTPS.
OWN_SERVERS = frozenset({
    "apprises", "barks", "forms", "gotifys", "hassios", "jsons", "matrixs", "mmosts", "nclouds",
    "nctalks", "ntfys", "rockets", "signals", "synologys", "xmls",
})  # fmt: skip
#: The same by HTTP, which is for one's own network only.
IN_THE_CLEAR = frozenset(schema.removesuffix("s") for schema in OWN_SERVERS)

_URL = re.compile(r"(?P<schema>[a-z0-9]{2,20})://(?P<rest>\S+)")
_LONGEST = 2000
#: These read files of this server, or weaken what protects the address on its way.
_FORBIDDEN = frozenset({"template", "attach", "attachment", "verify", "redirect", "config"})
_HINT = to_translate("such as slack://…, ntfys://… or tgram://…; docs/alerts.md lists them all")
_ENCRYPT = to_translate(
    "use the kind with an s at its end; in a network of your own, set "
    "BACKUPMON_ALLOW_PRIVATE_ADDRESSES=true"
)
_LEAVE_OUT = to_translate("leave out template, attach, config, verify and redirect")


def read_channel_url(value: str, *, in_the_clear: bool) -> str:
    """The address of a channel, as Apprise writes it.

    Parameters
    ----------
    in_the_clear:
        Whether kinds that do not encrypt are taken.

    Raises
    ------
    RefusedError
        Whose words hold nothing of the address but its kind.
    """
    found = value.strip()
    parts = _URL.fullmatch(found)
    if parts is None or len(found) > _LONGEST or clean(found) != found:
        raise RefusedError(to_translate("is no address of a channel"), _HINT)
    schema = parts["schema"]
    if schema in IN_THE_CLEAR and not in_the_clear:
        raise RefusedError(to_translate("is of a kind that does not encrypt"), _ENCRYPT)
    if schema not in SERVICES | OWN_SERVERS | IN_THE_CLEAR:
        raise RefusedError(to_translate("is of a kind that is not taken here"), _HINT)
    query = parts["rest"].partition("?")[2]
    names = {name.strip().lstrip("+-:").lower() for name, _ in parse_qsl(query, True)}
    if names & _FORBIDDEN:
        raise RefusedError(to_translate("has an option that is not taken here"), _LEAVE_OUT)
    return found


def schema_of(url: str) -> str:
    """The kind of a channel: all of its address that is ever shown."""
    return url.partition(":")[0]


def masked(url: str) -> str:
    """An address as it is shown."""
    return f"{schema_of(url)}://…"
