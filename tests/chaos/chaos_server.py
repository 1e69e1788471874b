"""R15 to R19, R35 to R37: servers that are unwell, unwilling, slow, hostile, or lose their answers."""
import math
import os
import time
from bisect import bisect_left

import lines
from chaos import (SETTLE, FastSink, at_once, Writer, check, count_of, cpu, figure, resident, scenario,
                   settle, wait_idle)
from harness import SITE, Agent
from proc import wait_for

SECONDS = figure(4, 60)  # that a server misbehaves


class Pair:
    """An agent of its own with a sink of its own and a log that grows."""

    def __init__(self, world, name, rules):
        self.sink = FastSink(world, name + ".sink")
        self.writer = Writer(world, os.path.join(world.mkdir(name), "access.log"), rate=200, per_write=5)
        self.agent = world.agent(self.sink, name, files=self.writer.path)
        self.name, self.misbehaviour = name, rules

    def begin(self):
        self.agent.start()
        wait_for(self.sink.count, 20, f"{self.name}: the first record")
        self.before, self.cpu = resident(self.agent.proc), cpu(self.agent.proc)
        self.since = time.monotonic()
        self.sink.rules(*self.misbehaviour)

    def mend(self, restart=False):
        """`restart` ends what hangs: while it misbehaves the sink takes nothing that its death could leave
        without an answer, and that would come again."""
        self.attempts = len([r for r in self.sink.asked(self.since) if r["method"] == "POST"])
        self.mended = time.monotonic()
        self.busy = (cpu(self.agent.proc) - self.cpu) / (self.mended - self.since)
        if restart:
            self.sink.kill()
        self.sink.rules()
        if restart:
            self.sink.start()

    def end(self, seconds, again=0):
        """All there, nothing twice, nothing given up. Returns the seconds from mending to the first batch."""
        self.writer.stop()
        more = settle(self.sink, self.writer.ranges(), seconds=seconds, agent=self.agent, what=self.name)
        check(more <= again, f"{self.name}: {more} records came again")
        first = [r["ms"] / 1000 for r in self.sink.asked(self.mended)
                 if r["method"] == "POST" and r["what"] == "ok"]
        ledger = self.agent.ledger()
        check(ledger["dead"] == 0 and ledger["parked"] == 0, f"{self.name}: given up: {ledger}")
        self.agent.stop()
        self.sink.kill()
        return (first[0] if first else time.monotonic()) - self.mended

    def said(self, event):
        return len(self.agent.proc.events(event))


def all_of(world, table, restart=False):
    pairs = [Pair(world, name, rules) for name, rules in table]
    at_once(pairs, Pair.begin)
    time.sleep(SECONDS)
    for pair in pairs:
        pair.mend(restart)
    return pairs


def shortest_pause(pair):
    """Milliseconds between two attempts with the same batch, at the least."""
    last, least = {}, 10**9
    for r in pair.sink.asked(pair.since):
        if r["method"] == "POST" and r["what"] == "status":
            least = min(least, r["ms"] - last.get(r["batch"], -10**9))
            last[r["batch"]] = r["ms"]
    return least


@scenario("9 answers for 60 s: 0 lost, 0 again, at most one attempt a second and agent", limit=90)
def r15_server_unwell(world):
    """Every answer that means "later", with and without Retry-After, which is kept to."""
    table = [(f"s{s}", [f"1 status {s}"]) for s in (500, 502, 503, 504, 408, 425, 429)]
    table += [("s503after", ["1 status 503 2"]), ("s429after", ["1 status 429 2"])]
    pairs, most = all_of(world, table), 0
    for pair in pairs:
        # The first few come soon after another: their pauses begin at half a second, and may be shorter.
        check(pair.attempts <= SECONDS + 8, f"{pair.name}: {pair.attempts} attempts in {SECONDS} s")
        if pair.name.endswith("after"):
            pause = shortest_pause(pair)
            check(pause >= 1900, f"{pair.name}: the same batch again after {pause} ms, 2 s were asked for")
        check(pair.attempts >= 1, f"{pair.name}: nothing was asked: this shows nothing")
        said = pair.said("destination_unwell")
        check(1 <= said <= 1 + SECONDS // 60 + 1, f"{pair.name}: {said} messages")
        most = max(most, pair.attempts)
    at_once(pairs, lambda pair: pair.end(45))
    return f"{len(table)} answers for {SECONDS} s, at most {most} attempts, 0 lost, 0 again"


@scenario("100 agents, 30 s of 503: afterwards at most twice the steady rate of requests", limit=90,
          build="release")
def r15_many_agents_come_back(world):
    """Full jitter: agents that waited for the same server do not all come at once."""
    sink, count = FastSink(world), figure(10, 100)
    writer = Writer(world, os.path.join(world.mkdir("logs"), "a{}.log"), files=count, rate=count * 4,
                    per_write=1, stride=100000)
    agents = [world.agent(sink, f"a{i:04d}", files=world.path("logs", f"a{i:04d}.log")) for i in range(count)]
    at_once(agents, Agent.start)
    time.sleep(2)

    def most(seconds):
        """The most requests within one second."""
        since = time.monotonic()
        time.sleep(seconds)
        moments = sorted(r["ms"] for r in sink.asked(since) if r["method"] == "POST")
        return max((bisect_left(moments, m + 1000) - i for i, m in enumerate(moments)), default=0)
    steady = most(4)
    sink.rules("1 status 503", "get 1 status 503")
    unwell = most(figure(4, 30))
    sink.rules()
    back = most(figure(6, 35))
    writer.stop()
    settle(sink, writer.ranges(), seconds=60)
    for agent in agents:
        agent.proc.kill()
    check(back <= 2 * steady + figure(count, 0), f"{back} requests in a second when the server was back; {steady} before")
    return f"{count} agents: at most {steady}/s before, {unwell}/s at the 503, {back}/s afterwards"


@scenario("5 refusals for 60 s: 0 lost, 0 again, a message a minute, back within 5 s", limit=90)
def r16_refused(world):
    """401, 403, 404, 405 and 410 pause the destination; it is asked again, and goes on by itself."""
    table = [(f"s{s}", [f"1 status {s}", f"get 1 status {s}"]) for s in (401, 403, 404, 405, 410)]
    pairs = all_of(world, table)
    for pair in pairs:
        said = pair.said("destination_paused")
        check(1 <= said <= 1 + SECONDS // 60, f"{pair.name}: {said} messages in {SECONDS} s")
    slowest = max(at_once(pairs, lambda pair: pair.end(45)))
    check(slowest <= figure(15, 5.5), f"it took {slowest:.1f} s to come back")
    return f"{len(table)} refusals for {SECONDS} s, back after {slowest:.1f} s at most, 0 lost, 0 again"


def poisoned(world, name, rule):
    """A batch of 1,000 records, one of which the sink will not have. Returns the requests it took."""
    sink = FastSink(world, name + ".sink")
    bad = 703  # an AI fetch
    sink.rules(rule)
    directory = world.mkdir(name)
    log = lines.Log(os.path.join(directory, "access.log"))
    log.write(1426)  # 1,000 records
    agent = world.agent(sink, name, files=log.path).start()
    settle(sink, [(0, log.next)], lost=[bad], what=name)
    ledger = wait_idle(agent)
    check(ledger["dead"] == 1 and ledger["stored"] == 999, f"{name}: {ledger}")
    agent.stop()
    agent.start()  # and it stays dead: it is not sent for ever
    since = time.monotonic()
    log.write(10)
    settle(sink, [(0, log.next)], lost=[bad], agent=agent, what=name + " again")
    later = sum(r["records"] for r in sink.asked(since) if r["method"] == "POST")
    check(later == 7, f"{name}: {later} records sent after the restart, 7 were new")
    posts = [r for r in sink.asked() if r["method"] == "POST"]
    agent.stop()
    return len(posts) - 1


@scenario("400, 413, 422 for one of 1,000: 999 stored, 1 dead, at most 2 log2(1000) + 2 requests")
def r17_poisoned_batch(world):
    """A batch is halved until the record that is refused stands alone; or the server names it."""
    most = 2 * math.ceil(math.log2(1000)) + 2
    counts = {s: poisoned(world, f"s{s}", f"1 poison {s} 703") for s in (400, 413, 422)}
    for status, count in counts.items():
        check(count <= most, f"{count} requests for one poisoned record with {status}")
    named = poisoned(world, "named", "1 reject 422 703")
    check(named == 1, f"{named} requests for a record that the server names")
    return f"999 of 1,000, requests: {counts}, {named} when it is named"


def crooked_way(world, server, agents, rules, wanted):
    """Agents behind a way to the real server that loses answers, until it has done so `wanted` times."""
    way = FastSink(world, "way", to=server)
    writer = Writer(world, os.path.join(world.mkdir("logs"), "a{}.log"), files=agents, rate=agents * 150,
                    per_write=5, stride=1000000, density=1000)
    running = [world.agent(way, f"a{i:04d}", files=world.path("logs", f"a{i:04d}.log")).start()
               for i in range(agents)]
    way.rules(*rules)

    def done():
        return [r for r in way.asked() if r["what"] in ("lose", "held", "twice")]
    wait_for(lambda: len(done()) >= wanted, figure(50, 1500), f"{wanted} lost answers", figure(0.3, 5))
    way.rules()
    writer.stop()
    return way, writer, running, done()


@scenario("10,000 answers lost, requests doubled, or delivered late: exactly one copy of each record",
          limit=100, build="release")
def r18_lost_answers(world):
    """The real server behind a way that loses its answers after the commit, sends requests twice, and
    delivers some only after their own repetition."""
    server = world.server().start()
    way, writer, agents, crooked = crooked_way(
        world, server, figure(4, 16), ("45 ok", "30 lose", "10 twice", "15 held 400"), figure(60, 10000))
    for agent in agents[1:]:
        wait_idle(agent, 60)
    settle(server, writer.ranges(), seconds=figure(40, 120), agent=agents[0])
    bodies = {}
    for r in way.asked():
        if r["method"] == "POST":
            check(bodies.setdefault(r["batch"], r["hash"]) == r["hash"],
                  f"batch {r['batch']} came with two bodies")
    for agent in agents:
        agent.stop()
    kinds = {k: sum(1 for r in crooked if r["what"] == k) for k in ("lose", "twice", "held")}
    return f"{kinds}, {len(bodies)} batches, {count_of(writer.ranges())} lines, 0 lost, 0 twice"


@scenario("9 hostile answers for 60 s: memory flat, given up in time, 0 lost, 0 again", limit=90,
          full_limit=400, build="release")
def r19_slow_and_hostile_servers(world):
    """Never an answer, half-open, a byte a second, a header or a body without end, junk instead of
    chunks, gzip that is none, another batch's answer."""
    kinds = ("silent", "half", "drip", "header", "big", "junk", "badgzip", "garbage", "wrongid")
    restart = figure(True, False)  # in full, the agent's own time limits end what hangs
    pairs, most = all_of(world, [(k, [f"1 {k}"]) for k in kinds], restart), 0
    for pair in pairs:
        grown = resident(pair.agent.proc) - pair.before
        most = max(most, grown)
        # A sanitizer keeps what was freed; the body without end would be a gigabyte.
        check(grown < figure(200, 16) << 20, f"{pair.name}: {grown >> 20} MiB more than before")
        check(pair.attempts >= 1, f"{pair.name}: nothing was asked: this shows nothing")
        check(pair.busy < figure(0.6, 0.25), f"{pair.name}: {100 * pair.busy:.0f} % of a CPU")
    at_once(pairs, lambda pair: pair.end(figure(45, 120)))
    return f"{len(kinds)} kinds for {SECONDS} s, {most >> 20} MiB more at most, 0 lost, 0 again"


def add_destination(agent, name, sink):
    """A second server in the agent's configuration."""
    with open(agent.config, encoding="utf-8") as f:
        text = f.read()
    with open(agent.config, "w", encoding="utf-8") as f:
        f.write(text.replace("destinations:\n", "destinations:\n"
                             f"  {name}: {{url: '{sink.url}', token_file: {agent.token_file}}}\n", 1))


def delays(sink, writer, since):
    """Milliseconds from a line's write to its arrival, for what was written after that moment; sorted."""
    wrote = {}
    for at, _, _, _, first, count in writer.writes():
        if at >= since * 1e9:
            wrote.update(dict.fromkeys(range(first, first + count), at / 1e6))
    return sorted(int(row[0]) - wrote[int(row[5])] for row in sink.rows() if int(row[5]) in wrote)


def p99(values):
    return values[len(values) * 99 // 100] if values else 0.0


@scenario("one of two servers dead for 60 s: the other waits 20 ms more at p99; the dead one gets all, 0 again",
          build="release")
def r35_one_destination_dead(world):
    """A server that is down delays no other, and catches up from a cursor of its own."""
    good, bad = FastSink(world, "good"), FastSink(world, "bad")
    agent = world.agent(good, extra=f"sites:\n  - {{hosts: [{SITE}], site: {SITE}}}\n")
    add_destination(agent, "other", bad)
    writer = Writer(world, world.path("access.log"), rate=figure(500, 5000), per_write=5, density=100)
    agent.start()
    wait_for(bad.count, 20, "both to be served")
    began = time.monotonic()
    time.sleep(figure(3, 20))
    calm = p99(delays(good, writer, began))
    bad.stop()
    time.sleep(1)
    began = time.monotonic()
    time.sleep(figure(4, 60))
    dead = p99(delays(good, writer, began))
    check(dead <= 2 * calm + figure(1500, 20), f"p99 {dead:.0f} ms beside a dead server, {calm:.0f} ms before")
    bad.start()
    writer.stop()
    for sink in (good, bad):
        again = settle(sink, writer.ranges(), agent=agent, what=sink.name)
        check(again == 0, f"{sink.name}: {again} came again")
    agent.stop()
    return f"p99 {calm:.0f} ms before, {dead:.0f} ms beside a dead one; both complete, 0 again"


@scenario("one of two servers dead at the very first start: the other is served; it gets all later")
def r35_dead_from_the_start(world):
    """Nobody has told yet which sites the second server takes: its lines must wait for that."""
    good, bad = FastSink(world, "good"), FastSink(world, "bad")
    agent = world.agent(good)
    add_destination(agent, "other", bad)
    bad.rules("1 status 503", "get 1 status 503")
    log = lines.Log(world.path("access.log"))
    log.write(300)
    agent.start()
    time.sleep(3)
    log.write(300)
    bad.rules()
    for sink in (bad, good):
        settle(sink, [(0, log.next)], seconds=45, agent=agent, what=sink.name)
    agent.stop()
    return "both complete, 0 lost"


@scenario("spool of 1 MiB full for 60 s, agent killed meanwhile: 0 lost, memory flat, spool at its cap",
          build="release")
def r36_spool_full(world):
    """A full spool stops the reading of the logs, which are the real buffer."""
    sink = FastSink(world)
    writer = Writer(world, world.path("access.log"), rate=figure(6000, 20000), per_write=50, density=1000)
    agent = world.agent(sink, extra="limits: {spool: 1MiB}\n").start()
    wait_for(sink.count, 20, "the first record")
    sink.rules("1 status 503")
    agent.proc.wait_event("spool_full", figure(30, 60))
    before, end, most = resident(agent.proc), time.monotonic() + figure(3, 60), 0
    while time.monotonic() < end:
        time.sleep(0.5)
        most = max(most, sum(os.path.getsize(f) for f in agent.state_files("spool")))
    grown = resident(agent.proc) - before
    check(most <= 2 << 20, f"{most} bytes in a spool of 1 MiB")
    check(grown < 32 << 20, f"{grown >> 20} MiB more while the spool was full")
    agent.kill()
    agent.start()
    time.sleep(1)
    writer.stop()
    sink.rules()
    again = settle(sink, writer.ranges(), seconds=60, agent=agent)
    wait_for(lambda: not agent.state_files("spool"), 20, "an empty spool at the end")
    agent.stop()
    return f"{most >> 10} KiB spooled, {grown >> 10} KiB more memory, {count_of(writer.ranges())} lines, " \
           f"0 lost, {again} again after a kill"


# Lines of one life of r37 at most, on whatever machine: what is in memory at the stop (6 batches of 10,000
# records), and what leaves before it: 2 batches every 400 ms, for less than a second. 7 of 10 lines are records.
ONE_LIFE = (6 + 2 * 3) * 10000 * 10 // 7


@scenario("SIGTERM with 1,000,000 lines queued: ended within 5 s, nothing sent again", build="release")
def r37_stopped_with_a_million_queued(world):
    """Stops in the middle of a long catch-up, five at most, while there is enough for another one."""
    sink, count = FastSink(world), figure(400000, 1000000)
    writer = Writer(world, world.path("access.log"), rate=0, count=count, per_write=200, density=1000).finish(120)
    sink.rules("1 delay 400")
    agent, slowest, stops, left = world.agent(sink), 0.0, 0, count
    while stops < 5 and left > ONE_LIFE:
        begun = time.monotonic()
        agent.start()
        wait_for(lambda: [r for r in sink.asked(begun) if r["method"] == "POST"], 20, "a batch")
        time.sleep(world.random.uniform(0.1, 0.6))
        began = time.monotonic()
        agent.stop(30)
        slowest = max(slowest, time.monotonic() - began)
        left, stops = count - sink.count() * 10 // 7, stops + 1
    sink.rules()
    check(stops >= 2 and left > 0, f"{left} lines left after {stops} stops: this shows nothing")
    agent.start()
    again = settle(sink, writer.ranges(), seconds=figure(SETTLE, 120), agent=agent)
    agent.stop()
    check(again == 0, f"{again} records came again")
    check(slowest <= figure(12, 5.5), f"it took {slowest:.1f} s to stop")
    return f"{left} lines left after {stops} stops, {slowest:.1f} s at most, 0 lost, 0 again"
