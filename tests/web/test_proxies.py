"""Peers that may speak for clients: by their address alone, in all its spellings."""

import pytest

from jacie_flask.config import Settings
from jacie_flask.web.proxies import is_within, plain_address

PRIVATE = {"proxies": 1, "trusted_proxies": "loopback,private"}


@pytest.mark.parametrize(("peer", "trusted"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("", True),
    ("10.2.3.4", True), ("172.16.0.9", True), ("172.32.0.9", False), ("192.168.7.7", True), ("fd00::7", True),
    ("::ffff:10.0.0.1", True), ("::ffff:203.0.113.1", False), ("203.0.113.1", False), ("2001:db8::1", False),
    ("169.254.169.254", False), ("fe80::1%eth0", False), ("10.0.0.1, 203.0.113.1", False), ("localhost", False),
])  # fmt: skip
def test_a_peer_is_trusted_by_its_network(peer, trusted):
    """Loopback, private networks and Unix sockets are; IPv4 in IPv6 is what it stands for, a name is nobody."""
    assert is_within(peer, Settings(**PRIVATE).trusted_networks) is trusted


@pytest.mark.parametrize(("written", "address"), [
    ("203.0.113.1", "203.0.113.1"), ("203.0.113.1:4711", "203.0.113.1"), ("[2001:db8::1]:4711", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"), ("2001:0DB8:0::1", "2001:db8::1"), ('"[2001:db8::1]:80"', "2001:db8::1"),
    (" 203.0.113.1:1 ", "203.0.113.1"), ("fe80::1%eth0", "fe80::1"), ("::ffff:203.0.113.1", "::ffff:cb00:7101"), ("", ""),
    ("unknown", ""), ("_hidden", ""), ("203.0.113.1:x", ""), ("203.0.113.1:", ""), ("[2001:db8::1", ""), ("[203.0.113.1]x", ""),
    ("203.0.113.1:123456", ""), ("203.0.113.1, 10.0.0.1", ""), ("évil", ""), ("1", ""), ("2001:db8::1:80:1:1:1:1:1:1", ""),
])  # fmt: skip
def test_a_forwarded_address_is_plain(written, address):
    """Ports, brackets, quotes and zones are taken off; what is no address names nobody."""
    assert plain_address(written) == address
