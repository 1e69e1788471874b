"""Clients that want to use the server up: many that say nothing, many that say half a word, bodies that grow
when they are decoded, JSON without a bottom, headers without an end. Each is bounded, and others are served."""
import gzip
import json
import os
import socket
import time

from harness import SITE
from proc import check, wait_for, within

BATCH, PAGEVIEW = "/api/ingest/server/batch", "/api/ingest/server/pageview"
MIB = 1 << 20


def connect(server, words=b""):
    host, port = server.address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), 20)
    if words:
        s.sendall(words)
    return s


def ready(server, what):
    begun = time.monotonic()
    status, _, body = server.request("GET", "/readyz")
    took = time.monotonic() - begun
    check((status, body) == (200, b"ok"), f"{what}: {status} {body!r}")
    check(took < within(1), f"{what}: another client waited {took:.2f} s")


def test_idle_connections(world):
    """10,000 with E2E_FULL=1, else 1,000: half of them silent, half in the middle of a head."""
    most = 10000 if os.environ.get("E2E_FULL") == "1" else 1000
    server = world.server(config=world.write("server.yaml", f"limits: {{connections: {most + 50}}}\n"))
    server.start()
    ready(server, "before")
    before = server.proc.usage()[0]
    crowd = []
    try:
        for i in range(most):
            crowd.append(connect(server, b"GET /readyz HTTP/1.1\r\nHost: a\r\nX-Slow: " if i % 2 else b""))
        ready(server, f"beside {most} connections")
        each = (server.proc.usage()[0] - before) / most
        # A sanitizer keeps more beside every block than the block.
        check(each < 24 * 1024, f"{each:.0f} bytes for each of {most} idle connections")
        print(f"     {most} idle connections: {each:.0f} bytes each")
        # More than there may be: the ones that have been idle longest make room.
        crowd += [connect(server) for _ in range(100)]
        ready(server, "over the limit")
    finally:
        for s in crowd:
            s.close()
    ready(server, "after")


def test_bombs(world):
    server = world.server()
    server.start()
    ready(server, "before")
    plain = gzip.compress(bytes(64 * MIB), 9)  # 64 KiB as sent
    many = gzip.compress(b"[" * (31 * MIB), 1)  # growing less than a thousandfold
    start = server.proc.usage()[0]
    for name, body, status in (("zeros without end", plain, 413), ("brackets without end", many, 400)):
        for _ in range(3):
            got, _, text = server.request("POST", BATCH, body, server.token, {"Content-Encoding": "gzip"})
            check(got == status, f"{name}: {got} {text[:200]!r} instead of {status}")
            ready(server, name)
    deep = b'{"url":' + b"[" * 60000
    begun = time.monotonic()
    got, _, text = server.request("POST", PAGEVIEW, deep, server.token)
    check((got, text) == (400, b"Bad request body\n"), f"a deep body: {got} {text!r}")
    check(time.monotonic() - begun < within(1), "a deep body took long")
    line = json.dumps({"v": 1, "batch": "6f1a8c0e-2b7d-4c55-9a41-0d3f5e7b9c12", "streams": [], "user_agents": [],
                       "x": 0}).encode().replace(b'"x": 0', b'"x": ' + b'{"a":' * 20 + b"1" + b"}" * 20)
    got, _, text = server.request("POST", BATCH, line + b"\n", server.token)
    check(got == 400 and text.startswith(b"line 1: "), f"a deep header: {got} {text!r}")
    grown = server.proc.usage()[0] - start
    check(grown < 256 * MIB, f"the bombs have left {grown // MIB} MiB")


def test_header_floods(world):
    """One field too many, one byte too many, a line without an end: 431 or 414, and closed."""
    server = world.server()
    server.start()
    head = b"GET /readyz HTTP/1.1\r\nHost: a\r\n"
    for name, words, status in (("fields", head + b"A: b\r\n" * 200 + b"\r\n", b"431"),
                                ("one long field", head + b"A: " + b"x" * 40000, b"431"),
                                ("a long path", b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\n", b"414")):
        s = connect(server, words)
        s.settimeout(20)
        try:
            answer = s.recv(4096)
            check(answer.startswith(b"HTTP/1.1 " + status), f"{name}: {answer[:100]!r}")
            wait_for(lambda: not s.recv(4096), 10, f"{name}: the end of the connection")
        except ConnectionResetError:
            pass
        s.close()
        ready(server, name)
    check(SITE in server.cli("site", "list"), "the server's store")
