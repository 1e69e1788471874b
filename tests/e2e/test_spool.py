"""Room and age of what waits on disk: shares, full spools, expiry; with one destination and with two."""
import os
import re
import struct
import time
import zlib

import lines
from harness import check_nothing_lost, expected, wait_sunk
from proc import CRASHED, check, wait_for, within

DAY = 86400


class Two:
    """An agent with two sinks, `main` and `other`."""

    def __init__(self, world, limits="{spool: 2MiB}"):
        self.main, self.other = world.sink(), world.sink()
        self.agent = world.agent(self.main, extra=f"limits: {limits}\n")
        with open(self.agent.config, encoding="utf-8") as f:
            text = f.read()
        text = text.replace("sources:\n", f"  other: {{url: '{self.other.url}', token_file: {self.agent.token_file}}}\n"
                            "sources:\n")
        with open(self.agent.config, "w", encoding="utf-8") as f:
            f.write(text)

    def begin(self, world):
        """It runs, and both have the first lines of this log."""
        log = lines.Log(world.path("access.log"))
        log.write(100)
        self.agent.start()
        for sink in (self.main, self.other):
            wait_sunk(sink, log.written)
        return log


def begun(world, **options):
    """A sink, a log, and an agent that has delivered its first lines there."""
    sink, log = world.sink(), lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink, **options).start()
    wait_sunk(sink, log.written)
    return sink, log, agent


def latency(sink, log, seconds=15):
    """How long a fresh line needs to get there."""
    log.write(1)
    n = log.written[-1]
    while lines.kind(n) == lines.SKIP:
        log.write(1)
        n = log.written[-1]
    began = time.monotonic()
    wait_for(lambda: n in [m for _, m in sink.numbers()[-200:]], seconds, f"line {n}", 0.02)
    return time.monotonic() - began


def test_one_of_two_is_dead(world):
    """R35: its share fills up, the other one notices nothing; back, the first gets all of it."""
    two = Two(world)
    log = two.begin(world)
    two.other.mood = 503
    slowest = 0.0
    for _ in range(12):
        log.write(2000)
        slowest = max(slowest, latency(two.main, log))
    ledger = two.agent.ledger()
    check(ledger["owed"] > 0 and ledger["spooled"] > 0, f"its share is not used up: {ledger}")
    size = sum(os.path.getsize(f) for f in two.agent.state_files("spool"))
    check(size <= 1.3 * (1 << 20), f"the spool holds {size} bytes, its share is 1 MiB")
    check(slowest < within(3), f"a line needed {slowest:.1f} s to the healthy destination")
    check("others go on" in two.agent.proc.text(), "nothing was said about it")
    two.other.mood = None
    wait_sunk(two.other, log.written, 60, "the dead one's lines")
    wait_sunk(two.main, log.written, 10, "the healthy one's lines")
    wait_for(lambda: two.agent.ledger()["owed"] == 0, 10, "nothing owed")
    two.agent.stop()
    print(f"slowest line {slowest:.2f} s")


def test_one_of_two_is_silent(world):
    """R35: no answer at all, for up to a minute a request: still nobody else waits."""
    two = Two(world)
    log = two.begin(world)
    two.other.mood = "silent"
    slowest = 0.0
    for _ in range(20):
        log.write(200)
        slowest = max(slowest, latency(two.main, log))
    check(slowest < within(3), f"a line needed {slowest:.1f} s to the healthy destination")
    two.other.mood = None
    two.other.released.set()
    wait_sunk(two.other, log.written, 100, "the silent one's lines")
    two.agent.stop()
    print(f"slowest line {slowest:.2f} s")


def test_killed_while_lines_are_owed(world):
    """What is owed was never safe: after a crash it is read again, for both."""
    two = Two(world)
    log = two.begin(world)
    two.other.mood = 503
    for _ in range(10):
        log.write(2000)
        time.sleep(0.1)
    wait_for(lambda: two.agent.ledger()["owed"] > 0, 20, "a share that is used up")
    two.agent.kill()
    log.write(1000)
    two.agent.start()
    wait_sunk(two.main, log.written, 60, "the healthy one's lines")
    two.other.mood = None
    wait_sunk(two.other, log.written, 60, "the dead one's lines")
    two.agent.stop()


def test_full_spool_blocks(world):
    """R36: one destination, no room: reading waits, the logs are the buffer, nothing comes twice."""
    sink, log, agent = begun(world, extra="limits: {spool: 1MiB}\n")
    sink.mood = 503
    for _ in range(60):  # more than the spool and the memory (6 batches of 10,000 records) can hold
        log.write(2000)
        time.sleep(0.03)
    agent.proc.wait_event("spool_full", 20)
    size = sum(os.path.getsize(f) for f in agent.state_files("spool"))
    check(size <= 1 << 20, f"the spool holds {size} bytes")
    read = agent.ledger()["lines"]
    check(read < len(log.written), "it read on")
    agent.stop()
    agent.start()
    sink.mood = None
    again = wait_sunk(sink, log.written, 60)
    check(again == 0, f"{again} records came twice")
    agent.stop()
    print(f"read {read} of {len(log.written)}")


def test_drop_oldest(world):
    """R36: as the user asked: the oldest goes, is counted and told, and is not read again."""
    sink, log, agent = begun(world, extra="limits: {spool: 5MiB, when_full: drop_oldest}\n")
    sink.mood = 503
    for _ in range(40):
        log.write(1500)
        time.sleep(0.1)
    want = len(expected(log.written))
    ledger = wait_for(lambda: (lambda x: x["expired"] and x["lines"] == len(log.written) and not x["in_memory"] and x)(
        agent.ledger()), 30, "all read, the oldest dropped")
    word = agent.proc.events("records_expired")
    check(len(word) == 1 and "drop_oldest" in word[0]["why"], f"{word}")
    time.sleep(1.5)
    agent.stop()
    agent.start()
    sink.mood = None
    wait_for(lambda: agent.ledger()["spooled"] == 0, 30, "an empty spool")
    have = sink.numbers()
    check(len(set(have)) == len(have), "records came twice")
    check(len(have) == want - ledger["expired"], f"{len(have)} of {want}, {ledger['expired']} expired")
    agent.stop()


def age(path, seconds):
    """Makes a spool file a version 1 file, which has its age from its time of change."""
    with open(path, "rb") as f:
        head, rest = f.read().split(b"\n", 1)
    n_meta, n_body = (int(x) for x in head.split()[3:5])
    meta = re.sub(rb"sealed \d+\n", b"", rest[:n_meta])
    rest = meta + rest[n_meta:]
    with open(path, "wb") as f:
        f.write(b"logferry-batch 1 %08x %d %d\n" % (zlib.crc32(rest), len(meta), n_body) + rest)
    os.utime(path, (time.time() - seconds,) * 2)


def with_old_spool(world, seconds=8 * DAY):
    """An agent that is stopped, with batches in its spool that have waited for so long."""
    sink, log, agent = begun(world)
    sink.mood = 503
    for _ in range(4):
        log.write(300)
        time.sleep(1.1)
    wait_for(lambda: agent.ledger()["spooled"] == 4 * 210, 15, "all of it in the spool")
    agent.stop()
    for path in agent.state_files("spool"):
        age(path, seconds)
    return sink, log, agent


def test_expired_lines_are_read_again(world):
    """The logs have them still: nothing is lost, and nothing of a visitor stays on the disk meanwhile."""
    sink, log, agent = with_old_spool(world)
    agent.start()
    wait_for(lambda: not agent.state_files("spool"), 20, "an empty spool")
    ledger = agent.ledger()
    check(ledger["expired"] == 0, f"{ledger}")
    log.write(100)
    time.sleep(2)
    check(not agent.state_files("spool"), "it was spooled anew")
    sink.mood = None
    again = wait_sunk(sink, log.written, 60)
    check(again == 0, f"{again} records came twice")
    agent.stop()


def test_expired_and_the_logs_are_gone(world):
    """Then they are lost, counted and told, with the command that would bring them back."""
    sink, log, agent = with_old_spool(world)
    before = log.written[:100]
    os.unlink(log.path)
    agent.start()
    wait_for(lambda: agent.ledger()["expired"] == 840, 20, "840 expired records")
    word = agent.proc.events("records_expired")
    check(word and "backfill --output main" in word[0]["mend"], f"{word}")
    sink.mood = None
    fresh = lines.Log(log.path, first=500000, tag="fresh")
    fresh.write(100)
    wait_sunk(sink, list(before) + fresh.written, 30)
    wait_for(lambda: not agent.state_files("spool"), 10, "an empty spool")
    agent.stop()


def test_a_clock_that_jumped(world):
    """Files that are years old by this clock are young: their age counts from now, and it is said."""
    sink, log, agent = with_old_spool(world, 4000 * DAY)
    agent.start()
    agent.proc.wait_event("age_unknown", 10)
    time.sleep(2)
    ledger = agent.ledger()
    check(ledger["expired"] == 0 and ledger["spooled"] == 840, f"{ledger}")
    sink.mood = None
    check(wait_sunk(sink, log.written, 60) == 0, "records came twice")
    agent.stop()


def test_crashes_while_it_expires(world):
    """Wherever it dies between rewinding, saving and unlinking: every line comes at last."""
    sink, log, agent = with_old_spool(world)
    old = set(agent.state_files("spool"))
    for point in ("expire.before_rewind", "expire.after_rewind", "expire.counted", "spool.before_unlink",
                  "spool.after_unlink", "positions.after_rename"):
        agent.start(fault=f"crash:{point}:1")
        wait_for(lambda: not agent.proc.alive(), 30, f"a crash at {point}")
        check(agent.proc.child.returncode == CRASHED, f"{point}: {agent.proc.child.returncode}")
        if not old & set(agent.state_files("spool")):
            break
    agent.start()
    wait_for(lambda: not old & set(agent.state_files("spool")), 20, "the old files' end")
    sink.mood = None
    wait_sunk(sink, log.written, 60)
    agent.stop()


def test_parked_and_dead_have_an_age(world):
    """A site that stays closed, a record that nobody looks at: after limits.max_age they are gone."""
    sink = world.sink(sites=("example.com",))
    sink.poison = (3, "record")
    log = lines.Log(world.path("access.log"))
    log.write(10)
    agent = world.agent(sink).start()
    wait_for(lambda: agent.ledger()["dead"] == 1, 20, "a dead letter")
    sink.refused_sites["example.com"] = (403, "closed")
    log.write(100)
    wait_for(lambda: agent.ledger()["parked"] == 70, 20, "parked records")
    agent.stop()
    for path in agent.state_files("dead") + agent.state_files("parked"):
        age(path, 8 * DAY)
    agent.start()
    wait_for(lambda: not agent.state_files("dead") and not agent.state_files("parked"), 20, "empty shelves")
    ledger = agent.ledger()
    check(ledger["expired"] == 70 and ledger["parked"] == 0, f"{ledger}")
    check(agent.proc.events("dead_letters_expired") and agent.proc.events("records_expired"), "nothing was said")
    agent.stop()


# ---- what no file should be ------------------------------------------------------------------------

def damages(path):
    """(what, how): ways in which a file of batches can be wrong."""
    with open(path, "rb") as f:
        good = f.read()

    def content(data):
        def change():
            with open(path, "wb") as f:
                f.write(data)
        return change

    def directory():
        os.unlink(path)
        os.mkdir(path)

    def link():
        os.unlink(path)
        os.symlink("/etc/passwd", path)

    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    yield "empty", content(b"")
    yield "NULs", content(b"\0" * len(good))
    yield "cut", content(good[:-1])
    yield "longer", content(good + b"x")
    yield "one bit", content(bytes(flipped))
    yield "newer", content(good.replace(b"logferry-batch 3", b"logferry-batch 9", 1))
    yield "other", content(struct.pack("<Q", 7) * 100)
    yield "directory", directory
    yield "symlink", link


def test_damaged_shelves(world):
    """A file of spool/, parked/ or dead/ that is not what it was: said, set aside, and the others go on."""
    sink = world.sink()
    sink.poison = (3, "record")
    log = lines.Log(world.path("access.log"))
    log.write(10)
    agent = world.agent(sink).start()
    wait_for(lambda: agent.ledger()["dead"] == 1, 20, "a dead letter")
    agent.stop()
    victim = agent.state_files("dead")[0]
    with open(victim, "rb") as f:
        good = f.read()
    for shelf in ("spool", "parked", "dead"):
        for at, (what, damage) in enumerate(list(damages(victim))):
            with open(victim, "wb") as f:
                f.write(good)
            damage()
            target = os.path.join(agent.state, shelf, f"{0x1000 + at:016x}.batch")
            os.rename(victim, target)
            with open(victim, "wb") as f:
                f.write(good)
    agent.start()
    log.write(100)
    wait_sunk(sink, [n for n in log.written if n != 3], 20)
    told = agent.proc.events("spool_file_damaged")
    check(len(told) == 27, f"{len(told)} of 27 files were named")
    check(all(e["why"] and e["mend"] and e["file"].endswith(".bad") for e in told), f"{told}")
    agent.ledger()
    agent.stop()
    with open("/etc/passwd", "rb") as f:
        check(f.read(5) != b"", "the link was written through")
    agent.command("dead", "list")
    check(len(sink.numbers()) == len(set(sink.numbers())), "something was sent again")


def test_damaged_sites(world):
    """The cached list of hosts: whatever stands there, the server is asked."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    agent.stop()
    path = os.path.join(agent.state, "sites.main.json")
    with open(path, "rb") as f:
        good = f.read()
    for data in (b"", b"\0" * 100, good[:-3], good[5:], b"[" * 1000, b"{}", b"null", None):
        os.unlink(path)
        if data is None:
            os.mkdir(path)
        else:
            with open(path, "wb") as f:
                f.write(data)
        agent.start()
        log.write(10)
        wait_sunk(sink, log.written, 20)
        agent.stop()
        if data is None:
            os.rmdir(path)
        elif not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(b"")


def test_damaged_job(world):
    """A backfill whose positions are damaged says which file, and what to do."""
    sink = world.sink()
    log = lines.Log(world.path("old.log"))
    log.write(60000)
    agent = world.agent(sink)
    proc = agent.start_backfill("--source", "web", "--rate", "3000", log.path)
    wait_for(lambda: len(sink.records) > 1000, 30, "some of it")
    wait_for(lambda: [f for f in agent.state_files("jobs") if "positions" in f], 10, "positions of the job")
    proc.signal(15)
    proc.wait(10)
    for path in agent.state_files("jobs"):
        if "positions" in path:
            with open(path, "wb") as f:
                f.write(b"\0" * 50)
    code, _, err = agent.command("backfill", "--source", "web", log.path, expect=None)
    check(code == 65 and "positions." in err and "move both away" in err, f"{code} {err}")
