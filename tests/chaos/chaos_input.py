"""R24 to R26: lines of any length and content; one line is one record, whatever stands in it."""
import json
import os
import random
import re
import subprocess
import time

import lines
from chaos import FULL, FastSink, check, figure, resident, scenario, settle
from harness import expected
from proc import wait_for

# (what, bytes, lines that they are): none of them is a request.
ODD = (
    ("a line of 10 MB", b"GET /" + b"x" * (10 << 20) + b"\n", 1),
    ("NULs", b"\0" * 70000 + b"\n", 1),
    ("invalid UTF-8", b"\xff\xfe\xc0\xaf\xed\xa0\x80\xf8\x88\x80\x80\x80\n", 1),
    ("lone CRs", b"a\rb\rc\r\r\n", 1),
    ("CRLF alone", b"\r\n", 1),
    ("empty lines", b"\n\n\n", 3),
    ("a BOM", b"\xef\xbb\xbf\n", 1),
    ("quotes and brackets", b'"""[[[[]]]]""" - - [ "\n', 1),
    ("just below the cap", b"y" * ((256 << 10) - 1) + b"\n", 1),
    ("at the cap", b"y" * (256 << 10) + b"\n", 1),
    ("above the cap", b"y" * ((256 << 10) + 1) + b"\n", 1),
)


@scenario("11 kinds of lines, each between good ones: counted once, the others unaffected")
def r24_odd_lines(world):
    """At a real server and at a sink; also with the agent killed in the middle."""
    server, sink = world.server().start(), FastSink(world)
    log = lines.Log(world.path("access.log"))
    log.write(50)
    agents = [world.agent(server, "a"), world.agent(sink, "b")]
    for agent in agents:
        agent.start()
    odd = 0
    for _, data, count in ODD:
        log.raw(data)
        log.write(20)
        odd += count
    for destination, agent in zip((server, sink), agents):
        settle(destination, [(0, log.next)], agent=agent)
        ledger = agent.ledger()
        check(ledger["lines"] == log.next + odd, f"{log.next} + {odd} lines: {ledger}")
        check(ledger["too_long"] >= 2, f"too_long: {ledger}")
    agents[0].kill()
    for _, data, _ in ODD:
        log.raw(data)
        log.write(5)
    agents[0].start()
    settle(server, [(0, log.next)], agent=agents[0], what="after a kill")
    for agent in agents:
        agent.stop()
    return f"{len(ODD)} kinds, {odd} lines counted, 0 lost, 0 twice"


@scenario("1 GB without a newline: <= 16 MiB more memory, counted once, later lines unaffected",
          build="release")
def r24_line_without_end(world):
    """It comes in pieces, and its newline at the very end."""
    sink, size = FastSink(world), figure(48 << 20, 1 << 30)
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    settle(sink, [(0, log.next)], agent=agent)
    before, piece = resident(agent.proc), b"z" * (1 << 20)
    for _ in range(size // len(piece)):
        log.raw(piece)
    time.sleep(1)
    log.raw(b"\n")
    log.write(100)
    again = settle(sink, [(0, log.next)], seconds=60, agent=agent)
    grown, ledger = resident(agent.proc) - before, agent.ledger()
    agent.stop()
    check(ledger["too_long"] == 1 and again == 0, f"{again} again: {ledger}")
    check(grown < figure(80, 16) << 20, f"{grown >> 20} MiB more memory")
    return f"{size >> 20} MiB, {grown >> 20} MiB more memory, counted once"


@scenario("a BOM, CRLF and a last line without newline at a stop: each line once")
def r24_first_and_last_line(world):
    """A file may begin with a BOM and have CRLF; half a line at SIGTERM is neither lost nor taken."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    text = log.text(30).replace("\n", "\r\n")
    log.raw(b"\xef\xbb\xbf" + text.encode())
    half = log.text(1).encode()  # an ordinary line, without its newline
    log.raw(half[:-1])
    agent = world.agent(server).start()
    wait_for(lambda: server.count() >= 20, 20, "the whole lines")
    agent.stop()
    agent.start()
    time.sleep(1)
    before = server.count()
    log.raw(b"\r\n")
    log.write(20)
    settle(server, [(1, log.next)], lost=[0], agent=agent) if not has_first(server) else \
        settle(server, [(0, log.next)], agent=agent)
    agent.stop()
    return f"{before} records before the newline, {server.count()} after, 0 twice"


def has_first(server):
    """Is the line behind the BOM a request? Either will do: it is one line."""
    return any(p == "/n/0" for _, p in server.records())


# (what, what the path is followed by, the referrer, the user agent); nginx escapes " and \\ and control
# bytes as \\xHH, a hostile or older writer does not.
INJECTIONS = (
    (r"?a=\x0a\x22 200 5 \x22-\x22 \x22fake", r"\x22\x0a203.0.113.9 - - [x] \x22GET /n/666", "Mozilla/5.0 (X11; Linux) Firefox/126.0"),
    ("?q=%0d%0aSet-Cookie:x=1%00", "https://r.example/%0a%0d", "Mozilla/5.0 (Windows NT 10.0) Firefox/126.0"),
    ('?j={\\x22batch\\x22:\\x221\\x22}', '{\\x22at\\x22:0}', 'Mozilla/5.0 \\x22,\\x22k\\x22:\\x22ai_fetch'),
    ("?e=\x1b[2J\x1b]0;owned\x07", "https://r.example/\x1b[31m", "Mozilla/5.0 (X11) \x1b[31mred\x9b31m"),
    ("?u=" + "%41" * 2600, "-", "Mozilla/5.0 (X11; Linux x86_64) Firefox/126.0"),
    ("?t=a\tb", "https://r.example/\t", "Mozilla/5.0 (X11;\tLinux)"),
    ("?n=<script>alert(1)</script>", "https://r.example/'\"><img>", "Mozilla/5.0 (X11; Linux) '<b>"),
    ("?f=%s%n%p{}${HOME}`id`", "https://r.example/$(id)", "Mozilla/5.0 (X11; Linux) %s%n"),
    ("?w=\u202e\u200b\ufeff", "https://r.example/\u2028", "Mozilla/5.0 (X11; \u202eLinux)"),
)


def injected(n, injection):
    query, referrer, agent = injection
    line = lines.combined(n, lines.default_base())
    line = line.replace(f"/n/{n} ", f"/n/{n}{query} ").replace("https://ref.example.net/t", referrer)
    return line.replace(lines.agent_of(n), agent).encode("utf-8", "surrogateescape")


@scenario("9 injections: one line is one record, JSON always valid, terminals get no control byte")
def r25_injection(world):
    """What visitors put into URL, referrer and user agent stays what it is: text of one record."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(20)
    for i, injection in enumerate(INJECTIONS):
        log.raw(injected(1000 + 10 * i, injection))
        log.write(1)
    log.raw(b"not a line \x1b[31m \x07\n")
    agent = world.agent(sink).start()
    wanted = len(expected(range(log.next))) + len(INJECTIONS)
    wait_for(lambda: len(sink.records) >= wanted - 1, 30, "the records")
    wait_for(lambda: agent.ledger()["lines"] >= log.next + len(INJECTIONS) + 1, 20, "every line", 0.5)
    ledger = agent.ledger()
    check(ledger["lines"] == log.next + len(INJECTIONS) + 1, f"lines: {ledger}")
    check(not sink.broken, f"a batch that is no JSON: {sink.broken[:1]}")
    paths = [r.get("path") or r.get("url", "") for _, _, r in sink.records]
    check(not any("/n/666" in p.split("?")[0] for p in paths), "a line within a line became a record")
    whole = sum(1 for p in paths if re.search(r"/n/10\d0", p))
    check(whole + ledger.get("unparsable", 0) + ledger.get("bot", 0) >= len(INJECTIONS), f"{whole} of them: {ledger}")
    for command in (["explain", "--format", "nginx_combined", log.path],
                    ["explain", "--json", "--format", "nginx_combined", log.path],
                    ["report", "--format", "nginx_combined", log.path]):
        _, out, err = agent.command(*command, expect=None)
        data = "--json" in command  # for programs: valid, and no raw control byte below 0x20
        bad = re.search("[\x00-\x08\x0b-\x1f\x7f]" if data else
                        "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202e\u2028]", out + err)
        check(not bad, f"{command[0]}: control byte {bad and bad.group()!r} on a terminal")
        for line in out.split("\n")[:-1] if data else ():
            json.loads(line)
    check(not re.search("[\x00-\x08\x0b-\x1f\x7f]", agent.proc.text()), "a control byte in the agent's log")
    agent.stop()
    return f"{len(INJECTIONS)} injections, {whole} records of them, all JSON, no control byte"


@scenario("pathological lines of <= 512 bytes: <= 10 us at p99.9; linear up to the cap",
          build="release")
def r26_pathological_lines(world):
    """Every format, lines made to go back and forth in: unbalanced quotes, brackets, escapes, blanks."""
    program = os.path.join(os.path.dirname(world.agent_bin), "tests/chaos/line_cost")
    done = subprocess.run([program, str(figure(300, 20000))], capture_output=True, text=True, timeout=900,
                          check=False)
    check(done.returncode == 0, done.stderr[-1500:])
    worst, steepest = 0.0, 0.0
    for row in done.stdout.splitlines():
        values = dict(pair.split("=") for pair in row.split())
        worst = max(worst, float(values["p999_us"]))
        steepest = max(steepest, float(values["growth"]))
    worst_rows = [row for row in done.stdout.splitlines() if float(row.rsplit("growth=", 1)[1]) >= 3]
    check(steepest < 4, f"twice the length costs {steepest} times as much: {worst_rows}")
    if FULL:
        check(worst <= 10, f"{worst} us at p99.9:\n{done.stdout}")
    return f"{len(done.stdout.splitlines())} kinds, {worst:.1f} us at p99.9, twice the length costs " \
           f"{steepest:.1f} times as much"


@scenario("20,000 lines of random damage: nothing crashes, each counted, the good ones all there")
def r24_random_damage(world):
    """Good lines between lines that were cut, spliced, and flipped."""
    sink, rng = world.sink(), random.Random(world.random.randrange(10**9))
    log = lines.Log(world.path("access.log"))
    base, damaged = lines.default_base(), 0
    with open(log.path, "ab") as f:
        for _ in range(figure(1500, 20000)):
            line = bytearray(lines.combined(5000000 + rng.randrange(1000), base).encode()[:-1])
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(line))
                line[at:at + rng.randrange(3)] = bytes(rng.randrange(256) for _ in range(rng.randrange(3)))
            f.write(bytes(line).replace(b"\n", b"") + b"\n")
            damaged += 1
            f.write(log.text(1).encode())
    agent = world.agent(sink).start()
    good = expected(range(log.next))
    wait_for(lambda: agent.ledger()["lines"] == log.next + damaged, figure(30, 120), "every line", 0.3)
    wait_for(lambda: agent.ledger()["in_memory"] == 0, 30, "the last batch", 0.3)
    have = set()
    for _, _, record in list(sink.records):
        found = re.search(r"/n/(\d{1,6})$", (record.get("path") or record.get("url", "")).rstrip("/"))
        if found:
            have.add((record["k"], int(found.group(1))))
    lost = set(good) - have
    check(not lost and not sink.broken, f"{len(lost)} good lines lost {sorted(lost)[:5]}")
    agent.stop()
    return f"{damaged} damaged lines counted, {log.next} good ones, 0 lost"
