"""The power fails: whatever the disk then holds, no line is lost and none is stored twice.

A run of the real programs leaves a journal of every system call on their state (parsers/base/sys.h).
Seeds draw moments and what a disk could hold then (tests/powerloss/disk.py, which says what is assumed);
a second reader judges it, and every hundredth disk is given back to the real programs. Needs SAN=1.

E2E_FULL=1: 10,000 seeds each. A seed that failed is named with the run's; E2E_SEED repeats the draw,
the journal is another one at each run and is kept with the test's directory.
"""
import bisect
import os
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict

import lines
from harness import expected
from proc import CRASHED, Fail, Proc, check, run, wait_for
from sink import number_of
from test_batch import BATCH, Batch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../powerloss"))
import agent_state  # noqa: E402
import disk as disks  # noqa: E402
import journal  # noqa: E402

FULL = os.environ.get("E2E_FULL") == "1"
SEEDS = int(os.environ.get("E2E_POWER_SEEDS", "10000" if FULL else "200"))
REAL_EVERY = 1000 if FULL else 100
NAMES = ("main", "other")


# ---- the agent: a run -------------------------------------------------------------------------

class AgentRun:
    """An agent with two destinations, one of which comes and goes, two logs, and a rotation."""

    def __init__(self, world, name="agent", fault=""):
        self.world, self.fault = world, fault
        self.directory = world.mkdir(name)
        self.sinks = {n: world.sink() for n in NAMES}
        self.logs = [lines.Log(os.path.join(self.directory, f"{i}.log"), first=i * 10**6, tag=f"{name}{i}")
                     for i in range(2)]
        self.history = []  # logs of a backfill
        self.state = os.path.join(self.directory, "deep", "state")
        self.journal = os.path.join(self.directory, "journal")
        self.config = self.configure()
        self.proc = None

    def configure(self):
        token = self.world.write("token", "lf_" + "0" * 64 + "_00000000\n")
        text = "node: agent\ndestinations:\n"
        for n in NAMES:
            text += f"  {n}: {{url: '{self.sinks[n].url}', token_file: {token}}}\n"
        # Named here, so that no line is read before it is known who gets it.
        text += "sites:\n  - {hosts: [example.com], site: example.com}\n"
        text += (f"sources:\n  web:\n    files: {self.directory}/*.log\n    format: nginx_combined\n"
                 f"    default_host: example.com\n    start: all\n")
        return self.world.write(os.path.join(self.directory, "agent.yaml"), text)

    def start(self, fault="", state=None, name="agent", journalled=True):
        fault = ",".join(f for f in (fault, self.fault) if f)
        env = {"STATE_DIRECTORY": state or self.state, "RUNTIME_DIRECTORY": self.directory,
               "LOGFERRY_FAULT": fault, "LOGFERRY_JOURNAL": self.journal if journalled else ""}
        argv = [self.world.agent_bin, "--config", self.config, "run"]
        self.proc = Proc(argv, self.directory, name, env)
        wait_for(lambda: self.proc.events("started") or not self.proc.alive(), 20, "the agent's start")

    def write(self, seconds, each=40):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for log in self.logs:
                log.write(each)
            time.sleep(0.05)

    def rotate(self, i):
        """Renamed away; the name starts anew."""
        log = self.logs[i]
        os.rename(log.path, log.path + ".1")
        self.logs.append(log)
        self.logs[i] = lines.Log(log.path, first=log.next + 10**5, tag=log.tag + "'")
        log.path += ".1"

    def make_history(self, count):
        directory = self.world.mkdir(self.directory, "history")
        self.history = [lines.Log(os.path.join(directory, f"old{i}.log"), first=(i + 7) * 10**6, tag=f"old{i}")
                        for i in range(2)]
        for log in self.history:
            log.write(count)

    def backfill(self, fault="", expect=0, state=None, journalled=True, rate=4000):
        env = {"STATE_DIRECTORY": state or self.state, "RUNTIME_DIRECTORY": self.directory,
               "LOGFERRY_FAULT": fault, "LOGFERRY_JOURNAL": self.journal if journalled else ""}
        argv = [self.world.agent_bin, "--config", self.config, "backfill", "--source", "web",
                "--rate", str(rate), os.path.join(self.directory, "history")]
        run(argv, self.directory, 60, env, expect=expect)

    def numbers(self):
        return [n for log in self.logs for n in log.written]

    def wait_delivered(self, seconds=40):
        want = set(expected(self.numbers()))
        wait_for(lambda: all(want <= set(s.numbers()) for s in self.sinks.values()), seconds,
                 "every line at both destinations", 0.2)

    def crash_at(self, point, nth=1, while_writing=True):
        self.start(f"crash:{point}:{nth}")
        end = time.monotonic() + 20
        while self.proc.alive() and time.monotonic() < end:
            if while_writing:
                self.write(0.1)
            else:
                time.sleep(0.05)
        check(not self.proc.alive() and self.proc.child.returncode == CRASHED,
              f"no crash at {point}:{nth}: {self.proc.child.returncode}\n{self.proc.text()[-1000:]}")

    def story(self):
        """All that an agent's state lives through; about fifteen seconds."""
        self.start()
        self.write(1.2)
        self.sinks["other"].mood = 503
        self.write(1.5)
        self.rotate(0)
        self.write(1.0)
        self.proc.stop()
        self.crash_at("spool.after_rename", 2)
        self.crash_at("positions.after_rename", 2)
        self.start()
        self.write(0.5)
        self.sinks["other"].mood = None
        self.write(1.5)
        self.sinks["main"].mood = 503
        self.write(1.0)
        self.sinks["main"].mood = None
        self.wait_delivered()
        self.proc.stop()
        self.make_history(5000)
        self.backfill("crash:positions.after_rename:2", CRASHED)
        self.backfill()

    def short_story(self):
        self.start()
        self.write(0.5)
        self.sinks["other"].mood = 503
        self.write(2.0)
        self.sinks["other"].mood = None
        self.wait_delivered()
        self.proc.stop()


# ---- the agent: the judge -----------------------------------------------------------------------

class AgentJudge:
    """Knows where each record lies and when each destination acknowledged it."""

    def __init__(self, run):
        self.run = run
        self.acknowledged = {n: {} for n in NAMES}  # number -> ns of the first time
        streams = {}  # number -> stream
        for name, sink in run.sinks.items():
            headers = {h["batch"]: h for _, h in sink.headers}
            rows = defaultdict(list)
            for moment, batch, record in sink.records:
                rows[batch].append(record)
                self.acknowledged[name].setdefault(number_of(record), int(moment * 1e9))
            for batch, records in rows.items():
                owners = [s["id"] for s in headers[batch]["streams"] for _ in range(s["records"])]
                for record, owner in zip(records, owners * (len(records) // max(1, len(owners)) or 1)):
                    streams[number_of(record)] = owner
        self.lines = defaultdict(list)  # stream -> [(offset, number)] of the lines that make records
        for log in run.logs + run.history:
            with open(log.path, "rb") as f:
                text = f.read().splitlines(keepends=True)
            offset = 0
            for number, line in zip(log.written, text):
                if lines.kind(number) != lines.SKIP:
                    self.lines[streams[log.written[0]]].append((offset, number))
                offset += len(line)
        self.durable = []  # (ns, generation) of each positions file, when its name was synced

    def problem(self, files, ns):
        """A sentence when this disk would lose a line, else None."""
        prefix = os.path.relpath(self.run.state, self.run.directory) + "/"
        state = {p[len(prefix):]: c for p, c in files.items() if p.startswith(prefix)}
        generation = (agent_state.newest(state) or {"generation": 0})["generation"]
        proven = max((g for when, g in self.durable if when < ns), default=0)
        if generation < proven:
            return f"positions: generation {proven} was synced, {generation} is there"
        jobs = {"/".join(p.split("/")[:2]) + "/" for p in state if re.match("jobs/[^/]+/", p)}
        for top in ["", *jobs]:
            problem = self.unsafe({p[len(top):]: c for p, c in state.items() if p.startswith(top)}, ns)
            if problem:
                return top + problem
        return None

    def unsafe(self, state, ns):
        """The same of one state directory, the agent's or a job's."""
        found = agent_state.newest(state) or {"generation": 0, "safe": {}, "done": {}}
        safe = {s: list(r) for s, r in found["safe"].items()}
        kept = {n: set() for n in NAMES}
        for number, batch in agent_state.shelf(state, "spool"):
            for stream, a, b in batch["spans"]:
                safe.setdefault(stream, []).append((a, b))
            for name in batch["to"]:
                if not agent_state.holds(found["done"].get(name, []), number):
                    kept[name].update(map(number_of, batch["records"]))
        for stream, ranges in safe.items():
            for offset, number in self.within(stream, ranges):
                for name in NAMES:
                    if self.acknowledged[name].get(number, ns) >= ns and number not in kept[name]:
                        return (f"line {number} at {offset} of {stream} is safe, but {name} has not "
                                f"acknowledged it, and no whole spool file holds it for {name}")
        return None

    def within(self, stream, ranges):
        rows = self.lines.get(stream, [])
        for a, b in ranges:
            yield from rows[bisect.bisect_left(rows, (a,)):bisect.bisect_left(rows, (b,))]

    def note_durable(self, records):
        """When each generation of the positions was durable: from the directory's sync on."""
        disk = disks.Disk(self.run.directory)
        state = os.path.relpath(self.run.state, self.run.directory).split("/")
        for r in records:
            disk.apply(r)
            node = disk.objects.get(r.object)
            if r.operation != journal.SYNC or not isinstance(node, disks.Directory):
                continue
            directory = disk.above(state + [""])
            if node is directory:
                for name in ("positions.a", "positions.b"):
                    file = directory.synced.get(name)
                    one = agent_state.positions(file.synced) if file and not file.since else None
                    if one:
                        self.durable.append((r.ns, one["generation"]))
        check(self.durable, "no generation of the positions was ever durable")


def agent_seeds(run, judge, records, seeds, seed, go_on=None):
    """How many of the drawn disks would lose a line; with the first one's sentence. With `go_on`, the real agent
    is started on some of the disks, and the first bad one is the last."""
    bad, first = 0, ""
    for i, (index, disk, ns) in enumerate(disks.moments(records, run.directory, seeds, random.Random(seed))):
        files = disk.crashed(random.Random(f"{seed}.{i}"))
        problem = judge.problem(files, ns)
        if problem:
            bad += 1
            first = first or f"seed {seed}.{i}, {index} of {len(records)} calls made: {problem}"
            if go_on:
                break
        elif go_on and i % REAL_EVERY == REAL_EVERY - 1:
            go_on(run, judge, files, ns, i)
    return bad, first


def go_on_from(run, judge, files, ns, i):
    """The real agent, and the backfill, on that disk, with the logs as they are by now."""
    again = os.path.join(run.directory, f"after.{i}")
    disks.build(files, again)
    state = os.path.join(again, os.path.relpath(run.state, run.directory))
    had = {n: {(lines.kind(k), k) for k, when in judge.acknowledged[n].items() if when < ns} for n in NAMES}
    for sink in run.sinks.values():  # the same destinations, or the backfill would be another job
        sink.records, sink.headers = [], []

    def lost(numbers):
        want = set(expected(numbers))
        return {n: sorted(want - had[n] - set(run.sinks[n].numbers()))[:5] for n in NAMES}

    run.start(state=state, name=f"after.{i}", journalled=False)
    try:
        wait_for(lambda: not any(lost(run.numbers()).values()), 30, "the end", 0.2)
    except Fail:
        raise Fail(f"disk {i}: the agent went on, and lost {lost(run.numbers())}:\n"
                   f"{run.proc.text()[-1500:]}") from None
    run.proc.stop()
    run.backfill(state=state, journalled=False, rate=10**6)
    numbers = [n for log in run.history for n in log.written]
    check(not any(lost(numbers).values()), f"disk {i}: the backfill went on, and lost {lost(numbers)}")
    shutil.rmtree(again)


def without_syncs(records, top, of_directories):
    """The journal of a program that does not sync directories, or files."""
    disk, left = disks.Disk(top), []
    for r in records:
        disk.apply(r)
        if r.operation == journal.SYNC and of_directories == isinstance(disk.objects.get(r.object), disks.Directory):
            continue
        left.append(r)
    return left


def test_agent(world):
    run = AgentRun(world)
    run.story()
    records = journal.read(run.journal)
    judge = AgentJudge(run)
    judge.note_durable(records)
    began = time.monotonic()
    seed = world.random.randrange(10**9)
    bad, first = agent_seeds(run, judge, records, SEEDS, seed, go_on_from)
    check(not bad, first)
    seconds = time.monotonic() - began
    # The same run, had the syncs not been made: the simulation must tell.
    caught = {}
    for what, of_directories in (("directories", True), ("files", False)):
        lame = without_syncs(records, run.directory, of_directories)
        caught[what] = agent_seeds(run, judge, lame, 200, seed)[0]
    check(all(caught.values()), f"without syncs no line was lost: {caught}")
    print(f"{SEEDS} disks of {len(records)} calls in {seconds:.1f} s; of 200 without the syncs of directories "
          f"{caught['directories']}, of files {caught['files']} lose lines")


def test_agent_that_does_not_sync(world):
    """What the simulation is for: an agent whose syncs are left out is found out."""
    for what in ("sys.fsync_dir", "sys.fsync"):
        run = AgentRun(world, what.replace(".", "-"), fault=f"skip:{what}:1-99999999")
        run.short_story()
        records = journal.read(run.journal)
        bad, first = agent_seeds(run, AgentJudge(run), records, 200, world.random.randrange(10**9))
        check(bad, f"without {what}, none of 200 disks lost a line")
        print(f"without {what} {bad} of 200 disks lose lines; {first}")


# ---- the server -----------------------------------------------------------------------------------

class Senders:
    """Clients that send numbered batches, one after the other, until each is answered with 200."""

    def __init__(self, server, rng, count, threads=3):
        self.server = server
        self.batches = []  # (first number, how many, Batch)
        at = 0
        for _ in range(count):
            n = rng.choice((1, 2, 10, 40, 120))
            batch = Batch(stream=uuid.UUID(int=rng.getrandbits(128)).hex)
            for k in range(at, at + n):
                (batch.view if k % 3 else batch.fetch)(k)
            self.batches.append((at, n, batch))
            at += n
        self.acknowledged = {}  # index -> ns
        self.next = 0
        self.lock = threading.Lock()
        self.over = False
        self.threads = [threading.Thread(target=self.send, daemon=True) for _ in range(threads)]

    def send(self):
        while not self.over:
            with self.lock:
                index = self.next
                self.next += 1
            if index >= len(self.batches):
                return
            body = self.batches[index][2].bytes()
            while not self.over and not self.post(body):
                time.sleep(0.05)
            self.acknowledged.setdefault(index, time.monotonic_ns())

    def post(self, body):
        try:
            status, _, _ = self.server.request("POST", BATCH, body, self.server.token,
                                               {"Content-Type": "application/x-ndjson"})
        except OSError:
            return False
        except Exception:  # http.client: an answer cut short
            return False
        check(status in (200, 503), f"a batch was answered with {status}")
        return status == 200


class ServerRun:
    FAULTS = "fail:store.settle_early:1-100000000:EIO,fail:store.housekeep_early:1-100000000:EIO"
    CRASHES = ("crash:store.after_commit:18", "crash:store.before_commit:12", "crash:sys.write:150",
               "crash:sys.fsync:40", "crash:store.after_checkpoint:9", "crash:sys.fsync.done:30")

    def __init__(self, world, batches=240, threads=3):
        self.world = world
        self.journal = world.path("journal")
        self.top = world.dir
        os.environ["LOGFERRY_JOURNAL"] = self.journal
        self.server = world.server()
        self.made_ns = time.monotonic_ns()
        self.senders = Senders(self.server, world.random, batches, threads)

    def story(self, crashes=CRASHES):
        started = False
        for fault in [*crashes, ""]:
            self.server.start(",".join(f for f in (self.FAULTS, fault) if f))
            if not started:
                for thread in self.senders.threads:
                    thread.start()
                started = True
            end = time.monotonic() + 40
            while fault and self.server.proc.alive() and time.monotonic() < end:
                time.sleep(0.02)
                if self.senders.next >= len(self.senders.batches):
                    break
            if fault and self.server.proc.alive():
                self.server.proc.stop(expect=None)  # the batches ended first; it may come now
        for thread in self.senders.threads:
            thread.join(60)
            check(not thread.is_alive(), "the batches were not all answered")
        self.server.stop()
        del os.environ["LOGFERRY_JOURNAL"]


def server_problem(run, directory, ns):
    """A sentence when the store in `directory` lacks what was promised, else None."""
    store = os.path.join(directory, "logferry.db")
    promised = [i for i, when in run.senders.acknowledged.items() if when < ns]
    if not os.path.exists(store):
        return "there is no store" if promised or ns > run.made_ns else None
    base = sqlite3.connect(store)
    try:
        base.execute("PRAGMA synchronous = OFF")  # ours is no disk whose power fails
        if ns <= run.made_ns:
            base.execute("PRAGMA quick_check").fetchall()
            return None
        found = base.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            return f"integrity_check: {found[:3]}"
        if base.execute("SELECT count(*) FROM clients").fetchone() != (1,):
            return "the client is lost"
        have = {int(p.rsplit("/", 1)[1]) for p, in base.execute("SELECT path FROM records")}
        ids = {i for i, in base.execute("SELECT id FROM batches")}
    except (sqlite3.DatabaseError, ValueError) as e:  # ValueError: torn text that is not UTF-8
        return f"SQLite: {e}"
    finally:
        base.close()
    for index, (first, n, batch) in enumerate(run.senders.batches):
        there = sum(k in have for k in range(first, first + n))
        if there not in (0, n):
            return f"half a batch: {there} of {n} records"
        if (uuid.UUID(batch.id).bytes in ids) != bool(there):
            return f"batch {index}: {there} of {n} records, its id says otherwise"
        if not there and index in promised:
            return f"batch {index} was answered with 200, and is not there"
    return None


def test_server_answers_with_what_is_synced(world):
    """Killed between the write of a transaction and its sync, the server finds it whole at the next
    start, because the kernel has it. Before it says so to anyone, the disk must have it too."""
    run = ServerRun(world, batches=16, threads=1)
    run.story([f"crash:sys.fsync:{n}" for n in range(1, 10)])
    records = [r for r in journal.read(run.journal) if not r.path.endswith("-shm")]
    moments = sorted(run.senders.acknowledged.values())
    disk, at = disks.Disk(run.top), 0
    place = world.path("built")
    for ns in moments:
        while at < len(records) and records[at].ns < ns:
            disk.apply(records[at])
            at += 1
        for draw in range(8):
            disks.build(disk.crashed(random.Random(draw), lambda name: name.endswith("-shm")), place)
            problem = server_problem(run, os.path.join(place, "server.store"), ns + 1)
            check(not problem, f"{at} of {len(records)} calls made: {problem}")
            shutil.rmtree(place)


def server_seeds(run, records, seeds, seed, stop_at_first=True):
    """In memory, where there is room: SQLite syncs what it mends."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    top = tempfile.mkdtemp(prefix="lf-e2e-power-", dir=memory)
    try:
        return draw_servers(run, records, seeds, seed, stop_at_first, top)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def draw_servers(run, records, seeds, seed, stop_at_first, top):
    bad, first = 0, ""
    rng = random.Random(seed)
    place = os.path.join(top, "built")
    for i, (index, disk, ns) in enumerate(disks.moments(records, run.top, seeds, rng)):
        files = disk.crashed(random.Random(f"{seed}.{i}"), lambda name: name.endswith("-shm"))
        disks.build(files, place)
        problem = server_problem(run, os.path.join(place, "server.store"), ns)
        if problem:
            bad += 1
            first = first or f"seed {seed}.{i}, {index} of {len(records)} calls made: {problem}"
            if stop_at_first:
                break
        elif stop_at_first and ns > run.made_ns and i % REAL_EVERY == REAL_EVERY - 1:
            serve_from(run, os.path.join(place, "server.store"))
        shutil.rmtree(place)
    return bad, first


def serve_from(run, place):
    """The real server on that disk; every client sends all of its batches again."""
    server = run.server
    old = server.store
    server.store = place
    server.start()
    for _, _, batch in run.senders.batches:
        wait_for(lambda body=batch.bytes(): run.senders.post(body), 20, "an answer")
    server.stop()
    have = Counter(int(p.rsplit("/", 1)[1]) for _, p in server.records())
    want = Counter(range(sum(n for _, n, _ in run.senders.batches)))
    check(have == want, f"{sum((want - have).values())} records lost, {sum((have - want).values())} twice")
    server.store = old


def test_server(world):
    run = ServerRun(world)
    run.story()
    records = [r for r in journal.read(run.journal) if not r.path.endswith("-shm")]
    began = time.monotonic()
    seed = world.random.randrange(10**9)
    bad, first = server_seeds(run, records, SEEDS, seed)
    check(not bad, first)
    seconds = time.monotonic() - began
    caught = {}
    for what, of_directories in (("directories", True), ("files", False)):
        lame = without_syncs(records, run.top, of_directories)
        caught[what] = server_seeds(run, lame, 40, seed, stop_at_first=False)[0]
    check(all(caught.values()), f"without syncs nothing was lost: {caught}")
    print(f"{SEEDS} disks of {len(records)} calls in {seconds:.1f} s; of 40 without the syncs of directories "
          f"{caught['directories']}, of files {caught['files']} lose what was promised")


test_agent.limit = test_server.limit = 900 if FULL else 240
