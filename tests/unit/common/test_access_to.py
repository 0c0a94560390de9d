# SPDX-License-Identifier: Apache-2.0
"""Who is meant by an address, a network or a name; and lengths of time as people write them."""

import pytest

from karbor_manila.common import access_to, durations


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("10.0.0.7", "ip"),
        ("10.0.0.0/24", "ip"),
        ("0.0.0.0/0", "ip"),
        ("2001:db8::7", "ip"),
        ("2001:db8::/32", "ip"),
        ("joe.doe", "user"),
        ("host.example.org", "user"),
        ("Wiki Editors", "user"),
    ],
)
def test_what_is_meant_is_known_by_its_form(given, kind):
    assert access_to.type_of(given) == kind


def test_what_is_said_counts():
    assert access_to.type_of("1234", "user") == "user"
    assert access_to.type_of("client.example.org", "cert") == "cert"


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ("10.0.0.7/24", None, "the network is 10.0.0.0/24"),
        ("2001:db8::1/64", None, "the network is 2001:db8::/64"),
        ("10.0.0.300", None, "neither an address"),
        ("host/24", None, "neither an address"),
        ("joe.doe", "ip", "neither an address"),
        ("joe", None, "4 to 255 characters"),
        ("....", "user", "4 to 255 characters"),
        ("a:b;c", None, "4 to 255 characters"),
        ("", "cert", "1 to 64 characters"),
        ("x" * 65, "cert", "1 to 64 characters"),
        ("client", "cephx", "for ip, user or cert"),
    ],
)
def test_what_manila_would_not_take_is_refused(given, kind, why):
    with pytest.raises(ValueError, match=why):
        access_to.type_of(given, kind)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172_800), (" 1H30M ", 5400), ("1w", 604_800)],
)
def test_a_length_of_time(given, seconds):
    assert durations.seconds(given) == seconds


@pytest.mark.parametrize("given", ["", "60", "1.5h", "-1h", "1h 30m", "soon", "1y", "h", "٣h"])
def test_what_is_no_length_of_time(given):
    with pytest.raises(ValueError, match="is no length of time"):
        durations.seconds(given)
