# SPDX-License-Identifier: Apache-2.0
"""Networks: the IP addresses that a query names.

In: "10.0.0.0/8", "::1". Out: (address, bits) as InNetworks has them. A network within
::ffff:0:0/96 is one of IPv4, as a program that listens on both gets its IPv4 peers so.
"""

from ipaddress import IPv6Network, ip_network

Network = tuple[bytes, int]
_MAPPED = bytes(10) + b"\xff\xff"


class NoNetwork(ValueError):
    """The text is no address or network; the message says why, and `advice` what may be meant."""

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(why)
        self.advice = advice


def network(text: str) -> Network:
    """A network, or the network of one address."""
    try:
        found = ip_network(text)
    except ValueError:
        raise _why(text) from None
    if isinstance(found, IPv6Network) and found.network_address.packed.startswith(_MAPPED):
        if found.prefixlen >= 96:
            return found.network_address.packed[12:], found.prefixlen - 96
    return found.network_address.packed, found.prefixlen


def address(text: str) -> Network:
    """The network of one address."""
    if "/" in text:
        raise NoNetwork(f"{text} is a network, not an address", "use `in`")
    return network(text)


def _why(text: str) -> NoNetwork:
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        return NoNetwork(f"{text!r} is no IP address or network", 'as "10.0.0.0/8" or "::1"')
    return NoNetwork(f"{text} has bits beyond its length", f"did you mean {wider}?")


def plain(packed: bytes) -> bytes:
    """The 4 bytes of an IPv4 address inside IPv6, others as they are."""
    return packed[12:] if len(packed) == 16 and packed.startswith(_MAPPED) else packed


def is_in(packed: bytes, of: Network) -> bool:
    """Whether an address of 4 or 16 bytes is in a network."""
    base, bits = of
    shift = 8 * len(base) - bits
    return len(packed) == len(base) and (
        int.from_bytes(packed, "big") >> shift == int.from_bytes(base, "big") >> shift
    )
