"""Writes a small file in MaxMind's format (maxmind.github.io/MaxMind-DB, version 2.0): what a test needs
of it, networks and a map for each. A search tree of IPv6, with IPv4 at ::/96; records of 24 bits."""
import ipaddress
import struct

MARK = b"\xab\xcd\xefMaxMind.com"


def control(kind, size):
    """The byte (or two) before a value; kinds over 7 have their number behind it."""
    head, more = (kind << 5, b"") if kind <= 7 else (0, bytes([kind - 7]))
    if size < 29:
        return bytes([head | size]) + more
    return bytes([head | 29]) + more + bytes([size - 29])


def encode(value):
    if isinstance(value, str):
        text = value.encode()
        return control(2, len(text)) + text
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    number, kind = value  # an integer with its kind: 5 is 16 bits, 6 is 32, 9 is 64
    text = number.to_bytes(8, "big").lstrip(b"\0")
    return control(kind, len(text)) + text


def bits_of(network):
    net = ipaddress.ip_network(network)
    bits = format(int(net.network_address), f"0{net.max_prefixlen}b")[:net.prefixlen]
    return bits if net.version == 6 else "0" * 96 + bits


def make(networks):
    """{network: map} to the bytes of a file; no network may lie within another."""
    nodes, data, places = [[None, None]], b"", {}
    for network, value in networks.items():
        text = encode(value)
        if text not in places:
            places[text] = len(data)
            data += text
        at, bits = 0, bits_of(network)
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(bits[-1])] = ("data", places[text])
    count, tree = len(nodes), b""
    for node in nodes:
        for record in node:
            # count: nothing there; above it: 16 bytes of separator, and the offset in the data.
            number = count if record is None else count + 16 + record[1] if isinstance(record, tuple) else record
            tree += struct.pack(">I", number)[1:]
    head = {"node_count": (count, 6), "record_size": (24, 5), "ip_version": (6, 5),
            "database_type": "Test-Country", "languages": ["en"], "binary_format_major_version": (2, 5),
            "binary_format_minor_version": (0, 5), "build_epoch": (1780000000, 9), "description": {"en": "test"}}
    return tree + bytes(16) + data + MARK + encode(head)


def countries(**networks):
    """A file as GeoLite2-Country has it: DE=["192.0.2.0/24"], …"""
    return make({n: {"country": {"iso_code": code, "names": {"en": code}}}
                 for code, list_ in networks.items() for n in list_})
