"""What the scenarios share: the writer and its journal, the fast sink, rotation, and the oracle.

    written == stored + skipped for a reason + lost by the kernel

holds for every scenario, line by line, at the real server, where nothing may be there twice, and at a
sink without deduplication, where what comes again is counted. A scenario is a function whose name
begins with the number of what it shows (map.py), with the short figures of `make test` or, with
CHAOS_FULL=1, the full ones of `make soak`. What it returns is the figure that was measured.
"""
import gzip
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor

import lines
from proc import PATIENCE, Proc, check, wait_for

FULL = os.environ.get("CHAOS_FULL") == "1"
SKIPPED = "skipped: "  # what a scenario returns begins so when this machine cannot show it
SETTLE = 120 if FULL else 25  # seconds (and PATIENCE) that all may take to arrive once the faults are over
PAGEVIEW, AI_FETCH = 1, 2
KINDS = array("B", [{"pageview": PAGEVIEW, "ai_fetch": AI_FETCH}.get(k, 0) for k in lines.KINDS])


def figure(short, full):
    return full if FULL else short


def scenario(wanted, limit=60, full_limit=1800, build="san"):
    """Marks a scenario. `wanted` is the figure of `make soak`, the limits are seconds (and PATIENCE), `build` is the
    one whose figures count there."""
    def mark(function):
        function.wanted = wanted
        function.limit = full_limit if FULL else limit
        function.build = build
        return function
    return mark


# ---- the writer ------------------------------------------------------------------------------------

class Writer:
    """tests/chaos/writer.c, running. `lost` of the oracle is told from its journal."""
    everyone = 0

    def __init__(self, world, path, **options):
        Writer.everyone += 1
        self.name = f"writer{Writer.everyone}"
        self.path = path
        self.journal = world.path(self.name + ".journal")
        argv = [os.path.join(os.path.dirname(world.agent_bin), "tests/chaos/writer"), "--file", path,
                "--journal", self.journal]
        for key, value in options.items():
            argv += ["--" + key.replace("_", "-"), value]
        self.proc = Proc(argv, world.dir, self.name)
        first = path.replace("{}", "0000")
        wait_for(lambda: os.path.exists(first) or not self.proc.alive(), 20, "the writer to begin")
        check(self.proc.alive() or self.proc.child.returncode == 0, f"the writer: {self.proc.text()}")

    def reopen(self):
        self.proc.signal(signal.SIGUSR1)

    def finish(self, seconds=60):
        """Waits for a writer with a count."""
        check(self.proc.wait(seconds) == 0, f"the writer failed: {self.proc.text()}")
        return self

    def stop(self):
        self.proc.stop()
        return self

    def writes(self):
        """(ns, file, offset, bytes, first, lines) of every write that the journal tells of by now."""
        with open(self.journal, encoding="ascii") as f:
            text = f.read()
        found = []
        for line in text[:text.rfind("\n") + 1].splitlines():
            at, file, offset, size, first, count = line.split()
            found.append((int(at), file, int(offset), int(size), int(first), int(count)))
        return found

    def ranges(self):
        """[(first, one past the last)] of what was written, joined where they touch."""
        joined = []
        for first, last in sorted((w[4], w[4] + w[5]) for w in self.writes()):
            if joined and joined[-1][1] == first:
                joined[-1][1] = last
            else:
                joined.append([first, last])
        return joined


def count_of(ranges):
    return sum(last - first for first, last in ranges)


# ---- the sink --------------------------------------------------------------------------------------

def cut_torn_row(path):
    """A sink that was killed in the middle of a write: the row was not answered, and comes again."""
    with open(path, "r+b") as f:
        at = f.seek(max(0, os.path.getsize(path) - 4096))
        tail = f.read()
        if not tail.endswith(b"\n"):
            f.truncate(at + tail.rfind(b"\n") + 1)


def whole_rows(path):
    """The rows of a file that is being written: the last one may be half there."""
    with open(path, encoding="ascii") as f:
        for line in f:
            if line.endswith("\n"):
                yield line


class FastSink:
    """tests/chaos/sink.c: takes everything, keeps account, misbehaves as its rules say. With `to`, a
    server, it is the way to that."""

    def __init__(self, world, name="sink", to=None):
        self.world, self.name, self.to = world, name, to
        self.records, self.requests = world.path(name + ".records"), world.path(name + ".requests")
        self.rules_file = world.path(name + ".rules")
        self.port = 0
        self.token_file = to.token_file if to else None
        self.rules()
        for path in (self.records, self.requests):
            with open(path, "ab"):
                pass
        self.start()

    def start(self):
        cut_torn_row(self.records)
        cut_torn_row(self.requests)
        argv = [os.path.join(os.path.dirname(self.world.agent_bin), "tests/chaos/sink"), "--port", self.port,
                "--records", self.records, "--requests", self.requests, "--rules", self.rules_file,
                "--seed", self.world.random.randrange(1, 10**6)]
        if self.to:
            argv += ["--to", self.to.address.rsplit(":", 1)[1]]
        out = self.world.path(self.name + ".out")
        before = os.path.getsize(out) if os.path.exists(out) else 0
        self.proc = Proc(argv, self.world.dir, self.name)
        wait_for(lambda: os.path.getsize(out) > before, 20, "the sink to listen")
        with open(out, encoding="ascii") as f:
            self.port = int(f.read().split()[-1])
        return self

    def kill(self):
        self.proc.kill()

    def stop(self):
        """Ends it; what it had begun to take is written and answered, so nothing of it may come again."""
        self.proc.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def rules(self, *rules):
        """Sets the rules (sink.c); none: everything is taken."""
        with open(self.rules_file + ".new", "w", encoding="ascii") as f:
            f.write("".join(rule + "\n" for rule in rules))
        os.rename(self.rules_file + ".new", self.rules_file)

    def rows(self):
        """(ms, stream, at, hash, kind, number) of every record, as they came."""
        return [tuple(line.split()) for line in whole_rows(self.records)]

    def count(self):
        with open(self.records, "rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))

    def pairs(self):
        """(kind, number) of every record."""
        for line in whole_rows(self.records):
            kind, number = line.split()[4:6]
            yield PAGEVIEW if kind == "p" else AI_FETCH, int(number)

    def asked(self, since=0.0):
        """The requests after that moment (monotonic): dicts with ms, method, path, what, records, bytes,
        batch, hash."""
        names = ("ms", "method", "path", "what", "records", "bytes", "batch", "hash")
        found = [dict(zip(names, line.split())) for line in whole_rows(self.requests)]
        return [dict(r, ms=int(r["ms"]), records=int(r["records"])) for r in found
                if int(r["ms"]) >= since * 1000]


class Stored:
    """The real server's store, in the same words."""

    def __init__(self, server):
        self.server = server

    def count(self):
        return self.server.count()

    def pairs(self):
        import sqlite3
        base = sqlite3.connect(f"file:{self.server.database()}?mode=ro", uri=True, timeout=30)
        try:
            for kind, path in base.execute("SELECT kind, path FROM records"):
                yield AI_FETCH if kind else PAGEVIEW, int(path.rsplit("/", 1)[1])
        finally:
            base.close()


# ---- the oracle ------------------------------------------------------------------------------------

class Books:
    """Counts by number: what was written must be there, but for what the kernel lost."""

    def __init__(self, ranges, lost=()):
        self.top = max((last for _, last in ranges), default=0)
        self.want = array("B", bytes(self.top))
        self.allowed = set(lost)
        self.written = count_of(ranges)
        for first, last in ranges:
            pattern = (KINDS * ((last - first) // 10 + 2))[first % 10:]
            self.want[first:last] = pattern[:last - first]
        self.total = sum(1 for k in self.want if k)
        self.wanted_lost = sum(1 for n in self.allowed if self.want[n])

    def read(self, place):
        """What is there: counts, and what is wrong apart from losses."""
        have, foreign = array("H", bytes(2 * self.top)), []
        for kind, number in place.pairs():
            if number >= self.top or self.want[number] != kind:
                foreign.append((kind, number))
            else:
                have[number] += 1
        return have, foreign

    def compare(self, place, once):
        """(sentence or "", records that came again)."""
        have, foreign = self.read(place)
        want = self.want
        lost = [n for n in range(self.top) if want[n] and not have[n] and n not in self.allowed]
        twice = [n for n in range(self.top) if have[n] > 1]
        again = sum(have[n] - 1 for n in twice)
        if lost or foreign or (once and twice):
            return (f"{self.written} lines, {self.total} records wanted ({len(self.allowed)} lines may be "
                    f"lost by the kernel), {sum(have)} there; {len(lost)} lost {spans(lost)}, {len(twice)} "
                    f"more than once {spans(twice)}, {len(foreign)} foreign {foreign[:5]}"), again
        return "", again


def spans(numbers):
    """The first few runs of numbers that lie near each other."""
    runs = []
    for n in numbers:
        if runs and n - runs[-1][1] <= 4:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return " ".join(f"{a}-{b}" for a, b in runs[:6]) + (" …" if len(runs) > 6 else "")


def settle(destination, ranges, lost=(), seconds=SETTLE, agent=None, what="the books"):
    """Waits until all that was written has come, and the agent has nothing in hand; then compares line
    by line. At a server nothing may be there twice. Returns how many records came again (at a sink)."""
    server = not isinstance(destination, FastSink)
    seconds *= PATIENCE
    place = Stored(destination) if server else destination
    books = Books(ranges, lost)
    end = time.monotonic() + seconds
    while True:
        problem = f"{place.count()} of {books.total} records there"
        if place.count() >= books.total - books.wanted_lost:
            problem, again = books.compare(place, server)
            if not problem:
                break
        if time.monotonic() > end:
            problem, again = books.compare(place, server)
            break
        time.sleep(0.3)
    check(not problem, f"{what}: {problem}")
    if agent:
        wait_idle(agent)
        problem, again = books.compare(place, server)
        check(not problem, f"{what}, a moment later: {problem}")
    return again


def wait_idle(agent, seconds=2 * SETTLE):
    """Until nothing is on its way: no record can come again afterwards. Returns the ledger."""
    def idle():
        ledger = agent.ledger()
        return ledger if ledger["in_memory"] == ledger["spooled"] == 0 else None
    return wait_for(idle, seconds, f"{agent.name} to have nothing in hand", 0.2)


def check_skipped(server, ranges, lost=0):
    """The server's books of lines: every line is a record or skipped, with the right count of reasons."""
    want = count_of(ranges)
    reasons = {9: "status", 8: "bot", 7: "asset"}

    def books():
        ledger = json.loads(server.cli("ledger", "--json"))
        return ledger if ledger["lines"] >= want - lost else None
    ledger = wait_for(books, 15, f"the server to know of {want} lines", 0.5)
    check(ledger["balanced"], f"the server's ledger does not balance: {ledger}")
    if ledger["overlapping_bytes"] == 0 and not lost:
        check(ledger["lines"] == want, f"{want} lines written; the server's ledger: {ledger}")
        for digit, name in reasons.items():
            due = sum((last - digit + 9) // 10 - (first - digit + 9) // 10 for first, last in ranges)
            check(ledger["reasons"].get(name, 0) == due, f"{due} lines to skip as {name}: {ledger}")
    return ledger


# ---- rotation --------------------------------------------------------------------------------------

class Repeated(threading.Thread):
    """Calls something `rate` times a second until it is stopped; stop() tells how often, and raises what
    went wrong."""

    def __init__(self, rate, call):
        super().__init__(daemon=True)
        self.rate, self.call, self.over, self.times, self.wrong = rate, call, threading.Event(), 0, None
        self.start()

    def run(self):
        began = time.monotonic()
        while not self.over.wait(max(0.0, began + (self.times + 1) / self.rate - time.monotonic())):
            try:
                self.call(self.times)
            except Exception as e:  # shown by stop()
                self.wrong = e
                return
            self.times += 1

    def stop(self):
        self.over.set()
        self.join(60)
        if self.wrong:
            raise self.wrong
        return self.times


def rename_and_reopen(path, writer, suffix=""):
    """A rotation as logrotate's `create` and nginx do it, each under a name of its own."""
    def rotate(turn):
        try:
            os.rename(path, f"{path}.{turn + 1:06d}{suffix}")
        except FileNotFoundError:
            return  # the writer has not opened the new one yet
        writer.reopen()
    return rotate


def copytruncate(path, target, pause=0.0):
    """logrotate's copytruncate; what is written during `pause` is lost, as between its two calls."""
    shutil.copyfile(path, target)
    if pause:
        time.sleep(pause)
    os.truncate(path, 0)


def logrotate(world, name, files, keys):
    """One forced run of the real one, with a state file of its own."""
    config = world.write(name + ".rotate", files + " {\n" + "".join(f"    {k}\n" for k in keys) + "}\n", 0o644)
    done = subprocess.run(["logrotate", "-f", "-s", world.path(name + ".rotated"), config], timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    check(done.returncode == 0, f"logrotate: {done.stderr.decode()[-800:]}")


def numbers_in(directory, prefix):
    """The numbers of every whole line in the files of a directory whose name begins so: what the
    kernel has kept."""
    found = set()
    for name in os.listdir(directory):
        if not name.startswith(prefix):
            continue
        path = os.path.join(directory, name)
        with (gzip.open if name.endswith(".gz") else open)(path, "rb") as f:
            for line in f:
                at = line.find(b"/n/")
                if line.startswith(b"203.0.113.", len(line) - len(line.lstrip(b"\0"))) and line.endswith(b'"\n'):
                    found.add(int(line[at + 3:line.index(b" ", at)].removesuffix(b".css")))
    return found


def missing_in(ranges, found):
    return [n for first, last in ranges for n in range(first, last) if n not in found]


def lost_between_copy_and_truncation(writes, copies):
    """By the journal alone: the bytes of each life of a file (from one truncation to the next) that
    its copy does not have. `copies` are their sizes, in order. For a writer with O_APPEND."""
    ends, end = [], 0
    for _, _, offset, size, _, _ in writes:
        if offset < end:
            ends.append(end)
        end = offset + size
    return sum(max(0, life - copy) for life, copy in zip(ends + [end], copies)), len(ends)


# ---- what a process has --------------------------------------------------------------------------

def descriptors(proc):
    return len(os.listdir(f"/proc/{proc.pid}/fd"))


def resident(proc):
    return proc.usage()[0]


def cpu(proc):
    return proc.usage()[1]


def at_once(things, call):
    """Calls it for each, at the same time; returns the results in order."""
    with ThreadPoolExecutor(len(things)) as pool:
        return list(pool.map(call, things))
