#!/usr/bin/env python3
"""Writes cdn_ranges.c from cdn_ranges.tsv; with --check, says whether it is up to date."""
import ipaddress
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = """/* cdn_ranges.c - made by cdn_ranges.py from cdn_ranges.tsv; do not edit. Sorted, disjoint. */
#include "parsers/cdn_ranges.h"

"""


def main():
    ranges = {4: [], 6: []}
    with open(os.path.join(HERE, "cdn_ranges.tsv"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            text, cdn = line.split()
            network = ipaddress.ip_network(text)
            if network.version == 6 and network.prefixlen > 64:
                sys.exit(f"{text}: a prefix of more than 64 bits does not fit")
            ranges[network.version].append((network, cdn))
    out = HEAD
    for version, digits, shift, suffix in ((4, 8, 0, "u"), (6, 16, 64, "ull")):
        rows = sorted(ranges[version], key=lambda r: int(r[0].network_address))
        for (a, _), (b, _) in zip(rows, rows[1:]):
            if a.overlaps(b):
                sys.exit(f"{a} and {b} overlap")
        out += f"const struct cdn_range{version} cdn_ranges{version}[] = {{\n"
        for network, cdn in rows:
            first = int(network.network_address) >> shift
            last = int(network.broadcast_address) >> shift
            out += f"    {{0x{first:0{digits}x}{suffix}, 0x{last:0{digits}x}{suffix}, CDN_{cdn.upper()}}}, /* {network} */\n"
        out += f"}};\nconst size_t cdn_ranges{version}_n = sizeof(cdn_ranges{version}) / sizeof(cdn_ranges{version}[0]);\n"
        out += "\n" if version == 4 else ""
        if version == 4:
            octets = [0] * 8
            for network, _ in rows:
                for o in range(int(network.network_address) >> 24, (int(network.broadcast_address) >> 24) + 1):
                    octets[o // 32] |= 1 << o % 32
            out += "const uint32_t cdn_octets[8] = {" + ", ".join(f"0x{o:08x}u" for o in octets) + "};\n\n"
    name = os.path.join(HERE, "cdn_ranges.c")
    if "--check" in sys.argv:
        with open(name, encoding="utf-8") as f:
            sys.exit(0 if f.read().split() == out.split() else "cdn_ranges.c is out of date: python3 parsers/cdn_ranges.py")
    with open(name, "w", encoding="utf-8") as f:
        f.write(out)


main()
