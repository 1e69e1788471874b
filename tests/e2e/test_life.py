"""How long records stay: retention, late records, and taking some away."""
import json
import time

import lines
from harness import SITE
from proc import check, wait_for

DAY = 86400
PAGEVIEW = "/api/ingest/server/pageview"


def days_ago(n):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - n * DAY))


def send(server, n, ago, path=PAGEVIEW):
    body = {"url": f"https://{SITE}/n/{n}", "timestamp": days_ago(ago), "visitor_ip": "203.0.113.9",
            "user_agent": lines.HUMANS[0], "name": f"e{n}"}
    status, _, text = server.request("POST", path, json.dumps(body).encode(), server.token)
    check((status, text) == (202, b""), f"{n}: {status} {text!r}")


def stored(server):
    return sorted(int(p.rsplit("/", 1)[1]) for p, in server.rows("SELECT path FROM records"))


def test_retention(world):
    server = world.server()
    server.start()
    token = server.token
    shown = json.loads(server.request("GET", "/api/sites", token=token)[2])
    check(shown[0]["data_retention_days"] == 0, f"{shown}")
    for n, ago in enumerate((400, 90, 40, 31, 29, 0)):
        send(server, n, ago)
    check(stored(server) == [0, 1, 2, 3, 4, 5], f"for ever: {stored(server)}")
    # From now on 30 days: what is over is neither stored any more, nor kept.
    out = server.cli("site", "set", SITE, "--retention", "30d")
    check("30 days" in out, out)
    shown = json.loads(server.request("GET", "/api/sites", token=token)[2])
    check(shown[0]["data_retention_days"] == 30, f"{shown}")
    send(server, 6, 31.5)
    send(server, 7, 28)
    send(server, 8, 35, "/api/ingest/server/event")
    check(6 not in stored(server) and 7 in stored(server), f"{stored(server)}")
    check(server.rows("SELECT count(*) FROM events") == [(0,)], "an event that is over was stored")
    server.stop()
    server.start(fault="fail:store.housekeep_early:1-100000000:EIO")
    send(server, 9, 1)  # housekeeping comes with work, too
    wait_for(lambda: stored(server) == [4, 5, 7, 9] or stored(server) == [3, 4, 5, 7, 9], 20,
             "what is over to go")
    server.stop()
    # A new site keeps its records for a year.
    server.cli("site", "add", "new.example")
    listed = json.loads(server.cli("site", "list", "--json"))
    check([s["retention_days"] for s in listed if s["domain"] == "new.example"] == [365], f"{listed}")
    server.cli("site", "set", "new.example", "--retention", "soon", expect=65)
    server.cli("site", "set", "nowhere.example", "--retention", "30d", expect=65)


def test_purge(world):
    """Beside a running server, of what an agent has sent; then a backfill adds it again."""
    server = world.server()
    server.start()
    agent = world.agent(server)
    log = world.path("access.log")
    with open(log, "w", encoding="ascii") as f:
        f.write("".join(lines.combined(n, lines.default_base()) for n in range(60)))
    agent.backfill("--source", "web", log)
    want = stored(server)
    check(len(want) > 20, f"only {len(want)} stored")
    asked = server.cli("site", "purge", "--site", SITE, "--kind", "pageviews")
    pages = server.rows("SELECT count(*) FROM records WHERE kind = 0")[0][0]
    check(asked.startswith(f"{pages} pageviews\n") and "--yes" in asked, asked)
    check(stored(server) == want, "a look has deleted something")
    server.cli("site", "purge", "--site", SITE, "--from", "1d", "--to", "2d", "--yes", expect=64)
    server.cli("site", "purge", "--site", SITE, "--kind", "visits", "--yes", expect=64)
    server.cli("site", "purge", "--site", "nowhere.example", "--yes", expect=65)
    server.cli("site", "purge", "--yes", expect=64)
    out = server.cli("site", "purge", "--site", SITE, "--kind", "pageviews", "--yes")
    check(out.startswith(f"{pages} deleted"), out)
    check(server.rows("SELECT count(*), sum(kind) FROM records") == [(len(want) - pages,) * 2], "AI fetches are left")
    ledger = agent.backfill("--source", "web", log)
    check((ledger["stored"], ledger["duplicate"]) == (pages, len(want) - pages), f"{ledger}")
    check(stored(server) == want, "not all of it came back")
    # Without a server, all of it.
    server.stop()
    out = server.cli("site", "purge", "--site", SITE, "--from", "2000-01-01", "--to", "2100-01-01", "--yes")
    check(out.startswith(f"{len(want)} deleted") and stored(server) == [], out)
    server.cli("fsck")


def test_plan(world):
    """A backfill says beforehand what would not be kept, and how to mend it."""
    server = world.server(sites=(SITE, "other.example"))
    server.cli("site", "set", SITE, "--retention", "30d")
    server.start()
    agent = world.agent(server)
    log, base = world.path("access.log"), lines.default_base()
    with open(log, "w", encoding="ascii") as f:
        f.write("".join(lines.combined(n, base - (40 - n) * DAY) for n in range(20)))
    old = [n for n in range(20) if lines.kind(n) != lines.SKIP and 40 - n + 1 > 30]

    def dry(*more):
        return agent.command("backfill", "--source", "web", "--dry-run", *more, log)[2]

    told = dry()
    check(f"retention: main: {SITE} keeps records for 30 days; {len(old)} records of " in told, told)
    mend = f"logferry-server site set {SITE} --retention 42d"
    check(mend in told and "retention: main: 1 site keeps records for ever" in told, told)
    check("30 days\n" in dry("--since", "20d"), "a warning of what is not sent")
    _, out, err = agent.command("backfill", "--source", "web", log)
    plan = (out + err).split("plan: ")[1]
    check(f"retention: main: {SITE} keeps records for 30 days; what is older than " in plan, plan)
    check(f"excluded={len(old)} " in plan, f"{len(old)} are late: {plan}")
    server.cli(*mend.split()[1:])
    check("; no record is older" in dry(), "after it was mended")
    server.stop()
    told = dry()
    check("retention: main: not known, for it cannot be asked (" in told and " records=" in told, told)
