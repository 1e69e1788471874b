"""What is sent of a visitor, and who the visitor is: `privacy`, `client_ip`, `cdn_duplicates`, with the real
server; and that changing them adds nothing twice."""
import json
import re

import lines
from harness import read_json
from proc import check, run, wait_for

STAMP = "25/Nov/2026:10:00:00 +0000"
FIREFOX = lines.HUMANS[2]
SECRETS = ("s3cr3t-token", "s3cr3t-key", "someone@example.org", "s3cr3t-sid", "s3cr3t-click", "s3cr3t-sig", "pw-s3cr3t",
           "s3cr3t-ref", "s3cr3t-path", "s3cr3t-nested")


def line(target, ip="203.0.113.7", referrer="-", agent=FIREFOX, forwarded=None, status=200):
    text = f'{ip} - - [{STAMP}] "GET {target} HTTP/1.1" {status} 100 "{referrer}" "{agent}"'
    return text + (f' "{forwarded}"\n' if forwarded is not None else "\n")


def secret_lines():
    return "".join((
        line("/a?token=s3cr3t-token&page=2", referrer="https://me:pw-s3cr3t@ref.example/x?sid=s3cr3t-ref&q=1#s3cr3t-ref"),
        line("/b?x=1;api_key=s3cr3t-key&%73ig=s3cr3t-sig"),
        line("/c?user[email]=someone%40example.org"),
        line("/d;jsessionid=s3cr3t-sid?gclid=s3cr3t-click&utm_source=news"),
        line("/e?next=%2Fx%3Ftoken%3Ds3cr3t-nested&ok=1"),
        line("/f?access_token=s3cr3t-token&v=1", agent=lines.AI[0]),
        line("/order/4711?z=1"),
    ))


def stored(server):
    return sorted(server.rows("SELECT kind, path, referrer FROM records"), key=lambda r: r[1])


def test_secrets_are_not_sent(world):
    """Not to the server, not into the spool, not into the records that explain shows."""
    server = world.server().start()
    agent = world.agent(server)
    log = world.write("access.log", secret_lines())
    ledger = agent.backfill("--source", "web", log)
    check(ledger["stored"] == 7, f"seven records: {ledger}")
    paths = [r[1] for r in stored(server)]
    check(paths == ["/a?page=2", "/b?x=1", "/c", "/d?utm_source=news", "/e?ok=1", "/f?v=1", "/order/4711?z=1"],
          f"paths: {paths}")
    check([r[2] for r in stored(server) if r[1].startswith("/a")] == ["https://ref.example/x?q=1"],
          f"referrers: {stored(server)}")
    server.stop()
    with open(server.database(), "rb") as f:
        content = f.read()
    found = [s for s in SECRETS if s.encode() in content or s.replace("@", "%40").encode() in content]
    check(not found, f"in the server's database: {found}")
    explained = agent.command("explain", "--source", "web", "--json", log)[1]
    for text in explained.splitlines():
        record = json.dumps(read_json(text)["record"])
        check(not [s for s in SECRETS if s in record], f"explain shows: {record}")


def test_spool_holds_no_secret(world):
    sink = world.sink()
    sink.mood = 503
    agent = world.agent(sink, extra="sites:\n  - {hosts: [example.com], site: example.com}\n")
    world.write("access.log", secret_lines())
    agent.start()
    wait_for(lambda: agent.state_files("spool"), 30, "a spooled batch")
    agent.stop()
    spooled = False
    for name in agent.state_files():
        with open(name, "rb") as f:
            content = f.read()
        spooled |= b"/a?page=2" in content
        check(not [s for s in SECRETS if s.encode() in content], f"{name} holds a secret")
    check(spooled, "no file holds the records: nothing was shown")


def test_changed_privacy_adds_nothing(world):
    """The records of lines that were sent before are known again, whatever is sent of them."""
    server = world.server().start()
    log = world.write("access.log", secret_lines())
    world.agent(server, "before").backfill("--source", "web", log)
    before = stored(server)
    changes = ("privacy: {visitor_ip: none, query: drop, path_mask: [/order/*]}\n",
               "privacy: {visitor_ip: truncated, query: [page, token]}\n")
    for i, extra in enumerate(changes):
        ledger = world.agent(server, f"after{i}", extra=extra).backfill("--source", "web", log)
        check(ledger["stored"] == 0 and ledger["duplicate"] == 7, f"{extra}: {ledger}")
        check(stored(server) == before, f"{extra}: {stored(server)}")


def test_masks_and_lists(world):
    server = world.server().start()
    log = world.write("access.log", secret_lines())
    extra = "privacy: {query: [page, 'utm_*'], path_mask: [/order/*]}\n"
    world.agent(server, extra=extra).backfill("--source", "web", log)
    paths = [r[1] for r in stored(server)]
    check(paths == ["/a?page=2", "/b", "/c", "/d?utm_source=news", "/e", "/f", "/order/*"], f"paths: {paths}")


def visitors(server):
    return server.rows("SELECT count(DISTINCT visitor) FROM records WHERE kind = 0")[0][0]


def test_visitor_ip(world):
    """full: 4 visitors; truncated: those of one network are one; none: 4 again, and no address is sent."""
    text = "".join(line(f"/p/{n}", ip=ip) for n, ip in enumerate(
        ("203.0.113.1", "203.0.113.2", "198.51.100.1", "203.0.113.1", "2001:db8:1:2::3")))
    log = world.write("access.log", text)
    for kind, want in (("full", 4), ("truncated", 3), ("none", 4)):
        server = world.server(name="server-" + kind).start()
        agent = world.agent(server, "agent-" + kind, extra=f"privacy: {{visitor_ip: {kind}}}\n")
        ledger = agent.backfill("--source", "web", log)
        check(ledger["stored"] == 5, f"{kind}: {ledger}")
        check(visitors(server) == want, f"{kind}: {visitors(server)} visitors")
        records = [read_json(t)["record"] for t in
                   agent.command("explain", "--source", "web", "--json", log)[1].splitlines()]
        addresses = {r.get("visitor_ip") for r in records}
        if kind == "none":
            check(addresses == {None}, f"addresses: {addresses}")
            check(len({r["session_id"] for r in records}) == 4, f"sessions: {records}")
        if kind == "truncated":
            check(addresses == {"203.0.113.0", "198.51.100.0", "2001:db8:1::"}, f"addresses: {addresses}")


def test_no_address_is_no_dead_letter(world):
    """nginx behind a unix socket logs `unix:`, Apache may log names."""
    server = world.server().start()
    log = world.write("access.log", "".join(
        line(f"/p/{n}", ip=ip) for n, ip in enumerate(("unix:", "host.example.net", "203.0.113.1"))))
    ledger = world.agent(server).backfill("--source", "web", log)
    check(ledger["stored"] == 3 and ledger["dead"] == 0, f"ledger: {ledger}")


def test_client_ip(world):
    """Two visitors behind two proxies, and one who is not behind them and says so."""
    server = world.server().start()
    log = world.write("access.log", "".join((
        line("/p/1", ip="10.0.0.1", forwarded="203.0.113.1"),
        line("/p/2", ip="10.0.0.2", forwarded="198.51.100.9, 203.0.113.2, 10.0.0.1"),
        line("/p/3", ip="unix:", forwarded="203.0.113.1"),
        line("/p/4", ip="192.0.2.1", forwarded="203.0.113.1"),
        line("/p/5", ip="10.0.0.1", forwarded="unknown"),
        line("/p/6", ip="10.0.0.1", forwarded="203.0.113.9"),
    )))
    keys = "    client_ip: {from: x_forwarded_for, trust: [10.0.0.0/8]}\n"
    agent = world.agent(server, source_format="nginx_main", source_keys=keys,
                        extra="exclude: {ip: [203.0.113.9]}\n")
    ledger = agent.backfill("--source", "web", log)
    check(ledger["stored"] == 5 and ledger["dead"] == 0 and ledger["excluded"] == 1, f"ledger: {ledger}")
    check(visitors(server) == 4, f"{visitors(server)} visitors: 203.0.113.1, .2, 192.0.2.1, and nobody")
    clients = [read_json(t)["hit"]["client_ip"] for t in
               agent.command("explain", "--source", "web", "--json", log)[1].splitlines()]
    check(clients == ["203.0.113.1", "203.0.113.2", "203.0.113.1", "192.0.2.1", None, "203.0.113.9"], f"{clients}")


def test_addresses_with_ports(world):
    """What load balancers and IIS write: a port or a zone makes no other client of one, for any rule."""
    server = world.server().start()
    log = world.write("access.log", "".join((
        line("/p/1", ip="198.51.100.1"), line("/p/2", ip="198.51.100.1:4001"), line("/p/3", ip="198.51.100.1:4002"),
        line("/p/4", ip="[2001:db8:1::1]:443"), line("/p/5", ip="2001:db8:1::1%eth0"), line("/p/6", ip="2001:db8:1::1"),
        line("/n/7", ip="203.0.113.9:1"), line("/n/8", ip="[2001:db8::9]:1"), line("/n/9", ip="2001:db8::9%2"),
        line("/n/10", ip="205.251.249.10:443"),
    )))
    sources = {"web": {"files": log, "format": "nginx_combined"},
               "cdn": {"files": world.path("cdn.log"), "format": "cloudfront"}}
    agent = world.agent(server, sources=sources,
                        extra="privacy: {visitor_ip: none}\nexclude: {ip: [203.0.113.0/24, '2001:db8::/48']}\n")
    ledger = agent.backfill("--source", "web", log)
    check(ledger["excluded"] == 3 and ledger["duplicate_cdn"] == 1, f"ledger: {ledger}")
    check(visitors(server) == 2, f"{visitors(server)} visitors")
    report = read_json(run([world.agent_bin, "report", "--json", "--format", "nginx_combined", log], world.dir, 60)[1])
    check(report["visitors"] == 5, f"{report}")


def test_behind_a_cdn(world):
    """With the CDN's log as a source too, what came through it counts there; said once."""
    server = world.server().start()
    base = lines.default_base()
    world.write("cdn.log", lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in (0, 1)))
    world.write("access.log", "".join((line("/n/0", ip="130.176.1.2"), line("/n/1", ip="130.176.1.3"),
                                       line("/n/2", ip="203.0.113.5"), line("/n/4", ip="172.68.1.1"))))
    sources = {"web": {"files": world.path("access.log"), "format": "nginx_combined"},
               "cdn": {"files": world.path("cdn.log"), "format": "cloudfront"}}
    agent = world.agent(server, sources=sources).start()
    wait_for(lambda: server.count() == 4, 30, "four records")
    events = agent.proc.events("cdn_duplicates") + agent.proc.events("cdn_addresses")
    check(len(events) == 1 and events[0]["source"] == "web" and events[0]["cdn"] == "CloudFront", f"events: {events}")
    ledger = agent.ledger()
    check(ledger["duplicate_cdn"] == 2, f"ledger: {ledger}")
    agent.stop()
    check(sorted(r[1] for r in stored(server)) == ["/n/0", "/n/1", "/n/2", "/n/4"], f"{stored(server)}")


def test_addresses_of_a_cdn(world):
    """Without that log they count, and the agent says whose addresses they are, and how to mend it."""
    server = world.server().start()
    world.write("access.log", line("/n/0", ip="172.68.1.1") + line("/n/1", ip="172.68.1.2"))
    agent = world.agent(server).start()
    wait_for(lambda: server.count() == 2, 30, "two records")
    wait_for(lambda: agent.proc.events("cdn_addresses"), 10, "the event")
    agent.stop()
    events = agent.proc.events("cdn_addresses")
    check(len(events) == 1 and "trust: [cloudflare]" in str(events[0]), f"events: {events}")
    check(not re.search(r"172\.68\.", agent.proc.text()), "a visitor's address in the agent's log")
