"""The agent's way to a stock HitKeep: one record a request, as fast as it may, nothing lost, and after a
crash at most what was on its way twice.
"""
import json
import os
import time
from collections import Counter

import lines
from harness import SITE, check_nothing_lost, expected
from hitkeep import FETCH, HitKeep
from proc import CRASHED, check, wait_for

AT_ONCE = 4  # requests of an agent that are on its way
FAST = "rate: {ai_fetch: 10000, pageview: 10000}"
BOTH = "send: [pageview, ai_fetch]"
OTHER = "other.example"


def recent():
    """AI fetches of this moment are sent, those of an hour ago are not."""
    return int(time.time()) - 600


def hitkeep(world, **options):
    fake = HitKeep(**options)
    world.sinks.append(fake)
    return fake


def agent_for(world, fake, name="agent", keys=f"protocol: hitkeep, {FAST}, {BOTH}", **options):
    token = world.write(name + ".token", getattr(fake, "token", "") + "\n")
    options.setdefault("source_keys", "    start: beginning\n")
    return world.agent(fake, name, token_file=token, destination_keys=keys, **options)


def fetches_of(numbers):
    return Counter({k: v for k, v in expected(numbers).items() if k[0] == lines.AI_FETCH})


def check_good_client(fake):
    check(not fake.strange, f"a good client does not send: {fake.strange[:5]}")


def wait_delivered(fake, want, seconds=60):
    """Waits for each of them; how many came more than once."""
    wait_for(lambda: set(want) <= set(fake.numbers()), seconds, f"{sum(want.values())} records", 0.1)
    have = Counter(fake.numbers())
    check_nothing_lost(want, have, "delivered")
    check_good_client(fake)
    return sum(have.values()) - len(have)


def test_delivery(world):
    """Every record, with what the contract wants in it, each once; then nothing is left on disk."""
    fake = hitkeep(world)
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(200)
    agent = agent_for(world, fake).start()
    want = expected(log.written)
    check(wait_delivered(fake, want) == 0, "records came twice")
    log.write(20)
    check(wait_delivered(fake, expected(log.written)) == 0, "records came twice")
    ledger = agent.ledger()
    check(ledger["acknowledged"] == len(fake.records), f"{ledger}")
    fetch = next(r for _, _, r in fake.records if r["k"] == "ai_fetch")
    check(fetch["hostname"] == SITE and fetch["path"].startswith("/n/") and fetch["status_code"] == 200
          and "timestamp" not in fetch, f"{fetch}")
    pages = [r for _, _, r in fake.records if r["k"] == "pageview"]
    check(all(r["session_id"] and r["page_id"] and r["visitor_ip"] for r in pages), f"{pages[0]}")
    visitors = {(r["visitor_ip"], r["user_agent"]) for r in pages}
    check(len({r["session_id"] for r in pages}) == len(visitors), "a session is an address and a user agent")
    check(len({r["page_id"] for r in pages}) == len(pages), "each page view has its own id")
    status = json.loads(agent.command("status", "--json")[1])["destinations"][0]
    check(status["protocol"] == "hitkeep" and status["rate"]["ai_fetch"] == 10000, f"{status}")
    wait_for(lambda: not agent.state_files("spool"), 20, "the spool to be empty")
    agent.stop()


def test_kill(world):
    """kill -9 in the middle: what comes twice was on its way."""
    fake = hitkeep(world)
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(600)
    agent = agent_for(world, fake)
    want, kills = expected(log.written), 0
    while len(fake.records) < sum(want.values()) and kills < 12:
        before = len(fake.records)
        agent.start()
        wait_for(lambda: len(fake.records) >= min(before + 40, sum(want.values())), 30, "some records", 0.005)
        agent.kill()
        kills += 1
    agent.start()
    twice = wait_delivered(fake, want)
    check(kills >= 3, f"only {kills} kills")
    check(twice <= kills * AT_ONCE, f"{twice} records twice after {kills} kills")
    log.write(10)
    wait_for(lambda: set(expected(log.written)) <= set(fake.numbers()), 20, "the next lines")
    check(agent.ledger()["spooled"] == 0, "something is left")
    agent.stop()
    print(f"{kills} kills, {twice} records twice")


WHILE_SENDING = ("singles.before_send", "singles.after_answer", "singles.noted", "sent.before_write",
                 "sent.after_write", "sent.after_fsync", "sent.before_unlink")
AT_FIRST = ("keys.before_write", "keys.after_open", "keys.after_write", "keys.after_fsync", "keys.after_rename",
            "keys.after_sync", "protocol.before_write", "protocol.after_open", "protocol.after_write",
            "protocol.after_fsync", "protocol.after_rename", "protocol.after_sync")


def draw(world, cases, n):
    """All of them with E2E_FULL=1, else as many, others at every seed."""
    return cases if os.environ.get("E2E_FULL") == "1" else world.random.sample(cases, n)


def test_crash_points(world):
    """Wherever it dies, at most what was on its way comes twice, and nothing is lost."""
    fake = hitkeep(world)
    log = lines.Log(world.path("access.log"), base=recent())
    agent = agent_for(world, fake)
    crashes = 0
    for point, nth in draw(world, [(p, n) for p in WHILE_SENDING for n in (1, 3) if p != "sent.before_unlink"]
                           + [("sent.before_unlink", 1)], 5):
        log.write(20)
        agent.start(f"crash:{point}:{nth}")
        check(agent.proc.wait(40) == CRASHED, f"{point}:{nth}: it ended otherwise:\n{agent.proc.text()[-800:]}")
        crashes += 1
    # A full disk while notes are made: it waits, and repeats nothing.
    log.write(40)
    agent.start("fail:sent.write:2-3:ENOSPC")
    agent.proc.wait_event("disk_unwell", 20)
    twice = wait_delivered(fake, expected(log.written))
    check(twice <= crashes * AT_ONCE, f"{twice} records twice after {crashes} crashes")
    agent.stop()
    for point in draw(world, AT_FIRST, 2):
        numbers = lines.Log(world.path(point + ".log"), first=10000 * (1 + AT_FIRST.index(point)), base=recent())
        numbers.write(10)
        keys = f"protocol: auto, {FAST}, {BOTH}"
        first = agent_for(world, fake, point, keys=keys, files=numbers.path).start(f"crash:{point}:1")
        check(first.proc.wait(40) == CRASHED, f"{point}: it ended otherwise:\n{first.proc.text()[-800:]}")
        first.start()
        want = expected(numbers.written)
        wait_for(lambda: set(want) <= set(fake.numbers()), 30, f"the lines after {point}")  # pylint: disable=W0640
        first.stop()
    print(f"{crashes} crashes, {twice} records twice")


def test_outage(world):
    """Down, unwell, answers lost: all of it arrives; and a clean stop repeats nothing."""
    fake = hitkeep(world)
    log = lines.Log(world.path("access.log"), base=recent())
    agent = agent_for(world, fake).start()
    log.write(50)
    wait_delivered(fake, expected(log.written))
    for mood in (503, "garbage", "reset", (429, 1)):
        fake.mood = mood
        log.write(20)
        seen = len(fake.requests)
        wait_for(lambda: len([p for p in fake.requests[seen:] if p[1] == "POST"]) >= 1, 20, f"a try at {mood}")
        fake.mood = None
        check(wait_delivered(fake, expected(log.written)) == 0, f"twice after {mood}")
    fake.delay = 0.01
    log.write(300)
    wait_for(lambda: len(fake.records) > 250, 30, "the middle of a batch", 0.01)
    agent.stop()
    agent.start()
    check(wait_delivered(fake, expected(log.written)) == 0, "twice after a clean stop")
    agent.stop()


def test_refused_and_dead(world):
    """An AI agent that the server does not know is expected; a record refused for itself is kept."""
    fake = hitkeep(world)
    fake.catalogue = ("gptbot", "claudebot")
    fake.poison = 3
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(100)
    agent = agent_for(world, fake, keys=f"protocol: hitkeep, {FAST}").start()
    mine = [n for k, n in fetches_of(log.written)]
    unknown = [n for n in mine if "Perplexity" in lines.agent_of(n)]
    good = Counter({(lines.AI_FETCH, n): 1 for n in mine if n not in unknown and n != 3})
    check(wait_delivered(fake, good) == 0, "twice")
    wait_for(lambda: agent.ledger()["dead"] == 1, 20, "the dead letter")
    ledger = agent.ledger()
    check(ledger["refused"] == len(unknown) and ledger["not_sent"] == 50, f"{ledger}")
    check(len([1 for _, s in fake.answers if s == 400]) == len(unknown) + 1, "refused ones were tried again")
    check("Bad request body" in agent.command("dead", "list")[1], agent.command("dead", "list")[1])
    fake.poison = None
    agent.command("dead", "replay", "--all")
    wait_for(lambda: ("ai_fetch", 3) in fake.numbers(), 20, "the replayed letter")
    agent.stop()


def test_closed_site(world):
    """403 or 404 for one of two sites parks that one's records, after one question."""
    fake = hitkeep(world, sites=(SITE, OTHER))
    text = {"format": "nginx_combined", "keys": "    start: beginning\n"}
    sources = {"one": dict(text, files=world.path("a.log"), host=SITE),
               "two": dict(text, files=world.path("b.log"), host=OTHER)}
    one = lines.Log(world.path("a.log"), base=recent())
    two = lines.Log(world.path("b.log"), first=1000, base=recent())
    agent = agent_for(world, fake, keys=f"protocol: hitkeep, {FAST}", sources=sources).start()
    wait_for(lambda: os.path.exists(os.path.join(agent.state, "sites.main.json")), 10, "the sites")
    for close in ("granted", "viewed", "gone"):
        fake.granted = {SITE} if close == "granted" else {SITE, OTHER}
        fake.viewed = {OTHER} if close == "viewed" else set()
        fake.gone = {OTHER} if close == "gone" else set()
        asked = len([1 for _, s in fake.answers if s in (403, 404)])
        one.write(50)
        two.write(50)
        wait_for(lambda: agent.ledger()["parked"] == 10, 20, f"the parked records ({close})")
        wait_for(lambda: set(fetches_of(one.written)) <= set(fake.numbers()), 20, "the other site's records")
        asked = len([1 for _, s in fake.answers if s in (403, 404)]) - asked
        check(asked <= 8, f"{close}: {asked} requests for a closed site")
        fake.granted, fake.viewed, fake.gone = {SITE, OTHER}, set(), set()
        agent.command("check", expect=None)
        agent.proc.signal(1)   # SIGHUP asks at once
        wait_for(lambda: set(fetches_of(two.written)) <= set(fake.numbers()), 60, "the parked records", 0.2)
        wait_for(lambda: not agent.state_files("parked"), 20, "the shelf to be empty")
    have = Counter(fake.numbers())
    check(max(have.values()) == 1, f"twice: {have.most_common(3)}")
    agent.stop()


def test_bad_token(world):
    """401 pauses; a mended token file is enough."""
    fake = hitkeep(world)
    agent = agent_for(world, fake, keys=f"protocol: hitkeep, {FAST}").start()
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(20)
    wait_delivered(fake, fetches_of(log.written))
    token, fake.token = fake.token, "f" * 64
    log.write(20)
    agent.proc.wait_event("destination_paused", 20)
    world.write("agent.token", fake.token + "\n")
    check(wait_delivered(fake, fetches_of(log.written)) == 0, "twice")
    check(token != fake.token, "the token did not change")
    agent.stop()


def test_late_fetches(world):
    """Older than an hour: held and counted; sent when asked for."""
    fake = hitkeep(world)
    log = lines.Log(world.path("access.log"), base=int(time.time()) - 7200)
    log.write(50)
    agent = agent_for(world, fake).start()
    pages = Counter({k: v for k, v in expected(log.written).items() if k[0] == lines.PAGEVIEW})
    check(wait_delivered(fake, pages) == 0, "twice")
    wait_for(lambda: agent.ledger()["held"] == 10, 20, "the held ones")
    event = agent.proc.wait_event("ai_fetches_held")
    check(event["age_seconds"] > 7000, f"{event}")
    agent.stop()
    late = agent_for(world, fake, "late", keys=f"protocol: hitkeep, {FAST}, late_ai_fetch: send").start()
    wait_for(lambda: late.ledger()["acknowledged"] == 10, 20, "the late ones")
    late.stop()
    refused = agent.backfill(log.path, expect=None)
    check("late_ai_fetch: send" in str(refused), f"{refused}")
    only = agent_for(world, fake, "only", keys=f"protocol: hitkeep, {FAST}")
    said = only.backfill(log.path, expect=78)
    check("late_ai_fetch: send" in said and "send: [pageview" in said, said)


def test_backfill_ends_with_skipped_lines(world):
    """The last line makes no record, and is read beside the batch with which it has as many in hand as it
    may: it is told when there is room, and the command ends."""
    fake = hitkeep(world)
    fake.delay = 0.4
    directory, written = world.mkdir("logs"), []
    for i in range(41):
        last = 7 if i == 40 else 0
        log = lines.Log(os.path.join(directory, f"{i:02d}.log"), first=10 * i + last, base=recent())
        log.write(1)
        written += log.written
    ledger = agent_for(world, fake).backfill("--jobs", "2", directory, seconds=60)
    check(ledger["lines"] == len(written) and ledger["asset"] == 1, f"{ledger}")
    check(wait_delivered(fake, expected(written)) == 0, "twice")


def test_pacing(world):
    """Two agents behind one address, each faster than the server lets both: they settle below it."""
    fake = hitkeep(world, api=(60, 20))
    agents = []
    for name in ("one", "two"):
        log = lines.Log(world.path(name + ".log"), first=0 if name == "one" else 100000, base=recent())
        log.write(5000)
        agents.append(agent_for(world, fake, name, keys="protocol: hitkeep, rate: {ai_fetch: 50}",
                                files=log.path).start())
    time.sleep(12)
    recent_answers = [s for t, s in fake.answers if t > time.monotonic() - 8]
    good, slow = recent_answers.count(202), recent_answers.count(429)
    check(good > 8 * 60 * 0.4, f"{good} of {8 * 60} stored in 8 s")
    check(slow <= good * 0.15, f"{slow} refused for {good} stored")
    share = Counter(n >= 100000 for _, n in fake.numbers())
    # Shares become equal within minutes (tests/unit/agent/test_pace.c); here the slower one must go on.
    check(min(share.values()) > sum(share.values()) * 0.08, f"one agent starves: {share}")
    check(not [e for a in agents for e in a.proc.events("destination_unwell")], "a 429 is no illness")
    check(agents[0].proc.events("destination_slowed") or agents[1].proc.events("destination_slowed"),
          "the limit was never met")
    have = Counter(fake.numbers())
    check(max(have.values()) == 1, "a refused one was stored as well")
    for agent in agents:
        agent.stop()
    print(f"{good} stored, {slow} refused in 8 s; shares {sorted(share.values())}")


def test_auto(world):
    """What the server is, its answers tell: ours, a HitKeep with its page for all paths, a newer one."""
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(50)
    for version in ("2.8.1", "up"):
        fake = hitkeep(world, version=version)
        fake.mood = 503
        agent = agent_for(world, fake, "auto." + version, keys=f"protocol: auto, {FAST}").start()
        agent.proc.wait_event("destination_unwell", 10)
        check(not agent.proc.events("protocol_decided"), "decided without an answer")
        fake.mood = None
        event = agent.proc.wait_event("protocol_decided", 20)
        check(event["protocol"] == "hitkeep" and event["send"] == "ai_fetch", f"{event}")
        check(wait_delivered(fake, fetches_of(log.written)) == 0, "twice")
        check(agent.ledger()["not_sent"] == 25, "pageviews are not sent to a HitKeep by default")
        said = agent.command("check")[1]
        check("HitKeep" in said and "ai_fetch" in said, said)
        agent.stop()
        check(not fake.posts() or all(FETCH.fullmatch(p) for p in fake.posts()), "a batch was sent to a HitKeep")
        agent.start()   # remembered
        check(not agent.proc.events("protocol_decided"), "decided again")
        agent.stop()
    server = world.server().start()
    ours = world.agent(server, "ours").start()
    event = ours.proc.wait_event("protocol_decided", 20)
    check(event["protocol"] == "batch" and event["send"] == "both", f"{event}")
    wait_for(lambda: server.count() == sum(expected(log.written).values()), 20, "the records")
    check("logferry-server" in ours.command("check")[1], ours.command("check")[1])
    ours.stop()


def test_our_server_as_hitkeep(world):
    """`protocol: hitkeep` to logferry-server: its single-record endpoints take all of it, once."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"), base=recent())
    log.write(200)
    agent = world.agent(server, destination_keys=f"protocol: hitkeep, {FAST}, {BOTH}",
                        source_keys="    start: beginning\n").start()
    want = expected(log.written)
    wait_for(lambda: server.count() >= sum(want.values()), 60, "the records")
    check(server.numbers() == want, f"{server.count()} stored")
    # A record is stored before its answer is there.
    wait_for(lambda: agent.ledger()["acknowledged"] == sum(want.values()), 10, "the ledger")
    agent.stop()


def test_beside_our_server(world):
    """A HitKeep and a logferry-server get the same log; the HitKeep is down, then slow: the other is not
    delayed, neither loses or repeats anything over a kill."""
    fake, server = hitkeep(world), world.server().start()
    token = world.write("hk.token", fake.token + "\n")
    log = lines.Log(world.path("access.log"), base=recent())
    agent = world.agent(server, source_keys="    start: beginning\n", more_destinations=(
        f"  hk: {{url: '{fake.url}', token_file: {token}, protocol: hitkeep, {FAST}}}\n"))
    fake.mood = 503
    agent.start()
    log.write(100)
    wait_for(lambda: server.count() == sum(expected(log.written).values()), 40, "the records on our server")
    fake.mood = None
    want = fetches_of(log.written)
    check(wait_delivered(fake, want) == 0, "twice")
    log.write(400)
    wait_for(lambda: len(fake.records) > sum(want.values()) + 10, 30, "some of the next", 0.005)
    agent.kill()
    agent.start()
    twice = wait_delivered(fake, fetches_of(log.written))
    check(twice <= AT_ONCE, f"{twice} records twice")
    wait_for(lambda: server.numbers() == expected(log.written), 40, "all of them on our server")
    agent.stop()


def test_config(world):
    """What is refused, and with which words."""
    base = "destinations:\n  main: {url: 'http://127.0.0.1:1', token_file: /x, %s}\n%s"
    for keys, rest, word in (
            ("protocol: hitkeeper", "", "hitkeep"), ("protocol: batch, rate: {ai_fetch: 3}", "", "no use"),
            ("protocol: hitkeep, rate: {ai_fetch: 0}", "", "requests a second"),
            ("protocol: hitkeep, late_ai_fetch: maybe", "", "hold, send"),
            ("protocol: hitkeep, send: [pageview]", "privacy: {visitor_ip: none}\n", "truncated")):
        agent = world.agent("http://127.0.0.1:1", "bad")
        agent.config = world.write("worse.yaml", base % (keys, rest))
        _, out, err = agent.command("check", "--offline", expect=78)
        check(word in out + err, f"{keys}: {out}{err}")
