"""What became of the lines of a day: counted here anew, from the lines that were written."""
import json
import time
import uuid
from collections import Counter

import lines
from harness import SITE, wait_stored
from proc import check, wait_for
from test_batch import Batch, post

ZONE, AHEAD = "Asia/Kolkata", 19800  # half an hour off every hour
FATES = ("stored", "twice", "excluded", "late", "refused")


def why(server, day, site=SITE):
    return json.loads(server.cli("why", "--site", site, "--day", day, "--json"))


def date(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds + AHEAD))


def wanted(numbers, base, day):
    """(lines, reasons, records) of a local day."""
    reasons, records = Counter(), 0
    for n in numbers:
        if date(base + n // 10) != day:
            continue
        if lines.kind(n) == lines.SKIP:
            reasons[lines.reason(n)] += 1
        else:
            records += 1
    return sum(reasons.values()) + records, dict(reasons), records


def check_day(server, numbers, base, day):
    told = why(server, day)
    total, reasons, records = wanted(numbers, base, day)
    check(0 < total < len(numbers), f"{day} has {total} lines of {len(numbers)}: nothing is shown")
    check((told["lines"], told["reasons"], told["records"]) == (total, reasons, records),
          f"{day}: {total} {reasons} {records} wanted, told: {told}")
    check(sum(told[fate] for fate in FATES) == records and told["elsewhere"] == 0, f"{day}: {told}")
    stored = told["in_store"]
    check(stored["pageviews"] + stored["ai_fetches"] == told["stored"] + told["twice"] == records,
          f"{day}: {told}")
    check(told["gaps"] == 0 and told["overlapping_bytes"] == 0, f"{day}: {told}")
    return told


def test_day(world):
    """Two local days, with an agent killed between the answer and its positions, and a restart."""
    server = world.server()
    server.cli("site", "set", SITE, "--time-zone", ZONE)
    server.start()
    agent = world.agent(server)
    base = lines.default_base() - AHEAD - 10  # ten seconds before midnight there
    log = lines.Log(world.path("access.log"), base=base)
    log.write(60)
    agent.start(fault="crash:uplink.after_answer:1")
    wait_for(lambda: not agent.proc.alive(), 20, "the agent to be killed")
    log.write(80)
    log.raw(b"no line of this format\n")
    agent.start()
    log.write(60)
    wait_stored(server, log.written)
    agent.ledger()
    agent.stop()
    before, after = date(base), date(base + 15)
    first = check_day(server, log.written, base, before)
    second = check_day(server, log.written, base, after)
    check(first["twice"] > 0, f"nothing came twice: {first}")
    check(first["lines"] + second["lines"] == len(log.written), "a line is of no day, or of both")
    check(second["without_time"] == {"unparsable": 1}, f"{second}")
    check(second["time_zone"] == ZONE and second["from"] == f"{before}T18:30:00.000Z", f"{second}")
    check([(n["team"], n["node"]) for n in second["nodes"]] == [("default", "agent")], f"{second}")
    # Another backfill over the same log: other cuts, the same days.
    agent.backfill("--source", "web", log.path)
    check(check_day(server, log.written, base, before)["twice"] == first["records"], "not all twice")
    check_day(server, log.written, base, after)
    text = server.cli("why", "--site", SITE, "--day", before)
    check(f"\n  lines          {first['lines']:14}\n" in text and before in text, text)
    for wrong in (("--day", before), ("--site", SITE, "--day", "yesterday"),
                  ("--site", SITE, "--day", "2026-13-01")):
        server.cli("why", *wrong, expect=64)


def quarters(day, n):
    return [[int(time.mktime(time.strptime(day, "%Y-%m-%d")) - time.timezone) // 900, {"asset": n}]]


def test_other_agents(world):
    """An agent that tells no quarters, one that tells more than this server knows, one that is wrong;
    a batch that comes twice; records that are refused, excluded and late."""
    server = world.server(sites=(SITE, "closed.example"), grants=[f"{SITE}=ingest"])
    server.start()
    day = "2026-10-05"  # test_batch's
    stream = {"id": uuid.uuid4().hex, "from": 0, "to": 300, "lines": 12, "records": 2,
              "skipped": {"asset": 9, "new": 1}, "name": "access.log"}
    old = Batch(stream=stream["id"], streams=[stream], node="old").view(1).fetch(2)
    body = old.bytes()
    check(post(server, body)[0] == 200 and post(server, body)[0] == 200, "refused")
    told = why(server, day)
    check((told["lines"], told["stored"], told["twice"]) == (2, 2, 0), f"{told}")
    check(told["without_time"] == {"asset": 9, "other": 1}, f"{told}")
    told_quarters = quarters(day, 9) + [[1, {"new": 1}]]
    new = Batch(stream=stream["id"], node="new", streams=[{**stream, "quarters": told_quarters}])
    body = new.view(1).fetch(2, host="closed.example").bytes()
    check(post(server, body)[0] == 200 and post(server, body)[0] == 200, "refused")
    told = {n["node"]: n for n in why(server, day)["nodes"]}["new"]
    check((told["lines"], told["reasons"], told["twice"]) == (11, {"asset": 9}, 1), f"{told}")
    check(told["of_other_sites"] == 1 and told["without_time"] == {}, f"{told}")
    told = why(server, day, "closed.example")
    check((told["refused"], told["in_store"]["ai_fetches"]) == (1, 0), f"{told}")
    wrong = Batch(streams=[{**stream, "quarters": quarters(day, 10)}]).view(1).fetch(2)
    status, answer = post(server, wrong.bytes())
    check(status == 400 and b"quarters" in answer, f"{status} {answer!r}")
    server.cli("exclude", "add", "--site", SITE, "--path", "/n/7")
    server.cli("site", "set", SITE, "--retention", "3650d")
    last = Batch(node="last").fetch(7).view(8).view(9, timestamp="1990-01-01T00:00:00Z")
    check(post(server, last.bytes())[0] == 200, "refused")
    told = {n["node"]: n for n in why(server, day)["nodes"]}["last"]
    check((told["excluded"], told["stored"], told["late"]) == (1, 1, 0), f"{told}")
    told = why(server, "1990-01-01")["nodes"]
    check([(n["node"], n["late"]) for n in told] == [("last", 1)], f"{told}")
