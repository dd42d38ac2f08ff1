"""Which addresses lead into a private network, in whatever form they are written."""

from __future__ import annotations

import pytest

from backupmon.core.addresses import is_public


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::", "::1", "fe80::1%eth0",
     "fd00::1", "0.0.0.0", "224.0.0.1", "100.64.0.1", "ff02::1"],
)  # fmt: skip
def test_private_addresses_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "224.0.0.1"])
@pytest.mark.parametrize(
    "form", ["::ffff:{}", "::ffff:0:{}", "::{}", "64:ff9b::{}", "2002:{hex}::", "2002:{hex}::1"]
)
def test_a_private_address_is_known_within_an_address_that_leads_to_it(
    form: str, inside: str
) -> None:
    assert not is_public(form.format(inside, hex=_in_hex(inside)))


@pytest.mark.parametrize("form", ["::ffff:{}", "::ffff:0:{}", "64:ff9b::{}", "2002:{hex}::1"])
def test_a_public_address_is_known_within_an_address_that_leads_to_it(form: str) -> None:
    assert is_public(form.format("1.1.1.1", hex=_in_hex("1.1.1.1")))


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("2001:0:101:101::80ff:fffe", id="Teredo, to 127.0.0.1"),
        pytest.param("2001:0:a01:203::fefe:fefe", id="Teredo, by 10.1.2.3"),
        pytest.param("2001:0:101:101::fefe:fefe", id="Teredo, whose ends are public"),
        pytest.param("64:ff9b:1::101:101", id="NAT64 of a network"),
    ],
)
def test_an_address_whose_end_the_network_around_it_chooses_is_not_public(address: str) -> None:
    assert not is_public(address)


def _in_hex(address: str) -> str:
    first, second, third, fourth = (int(number) for number in address.split("."))
    return f"{first:02x}{second:02x}:{third:02x}{fourth:02x}"
