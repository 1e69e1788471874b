"""Crash at named points (parsers/base/fault.h): wherever a program dies, no line is lost or doubled.

Every point of docs/architecture.md belongs to a stage here, in which it is passed. E2E_FULL=1 crashes at
each at its first, second and last pass, into the real server and into the sink without deduplication; a
normal run draws what fits into BUDGET seconds of each test, others at every seed. Needs SAN=1.
"""
import os
import signal
import time
from collections import defaultdict

import lines
from harness import SITE, check_nothing_lost, expected, wait_stored, wait_sunk
from proc import CRASHED, Proc, check, run, wait_for

FULL = os.environ.get("E2E_FULL") == "1"
BUDGET = 10**6 if FULL else 12
# A line is sent (or parked) again when the positions that say it was were not yet durable. They are
# written once a second; a sanitizer build on a busy machine is late.
WINDOW_S = 4.0

WRITES = ("before_write", "after_open", "after_write", "after_fsync", "after_rename", "after_sync")
POSITIONS = tuple("positions." + w for w in WRITES)
# stage: points that are passed again and again, points that are passed once (or so) in a life
AGENT = {
    "tail": (POSITIONS + ("uplink.before_send", "uplink.after_answer", "uplink.before_safe",
                          "engine.before_save"),
             ("look.listed", "look.planned", "files.looked", "state.before_lock", "state.after_lock")
             + tuple("sites." + w for w in WRITES)),
    "fill": (tuple("spool." + w for w in WRITES) + ("spill.before_safe",), ()),
    "drain": (("spool.before_unlink", "spool.after_unlink", "spool.after_unlink_sync", "uplink.covered",
               "uplink.spooled_done", "fetch.after_read", "shelves.after_load"), ()),
    "park": ((), ("park.before_write", "park.after_write", "aftermath.before_settle")),
    "rotate": ((), ("files.renamed", "files.bound")),
    "stop": ((), ("engine.finished",)),
    "damaged": ((), ("spool.before_set_aside", "spool.after_set_aside")),
    "missing": (("state.after_mkdir",), ()),
    "decide": ((), tuple("formats." + w for w in WRITES)),
    "job": (POSITIONS[1:], ("job.after_open", "job.before_remove", "job.after_unlink", "job.after_remove",
                            "state.after_mkdir")),
}
SINK_ONLY = {"refuse": ((), ("split.after_halves", "bury.before_write", "bury.after_write"))}
SLOW = {"quiet": ((), ("files.retired",))}  # half a minute each
SERVER = {
    "serve": (("store.begin", "store.before_commit", "store.after_commit", "store.before_answer"), ()),
    "settle": (("store.before_checkpoint", "store.after_checkpoint"), ()),
    "keep": (("keep.begin", "keep.after_commit"), ()),
    "close": ((), ("store.before_close", "store.after_close")),
    "open": ((), ("store.after_mkdir", "store.after_lock", "store.after_open", "store.after_set_up")),
    "init": (("migrate.step",), ()),
}


def every_case(stages):
    """(stage, point, pass): 0 stands for the last one."""
    cases = []
    for stage, (often, once) in stages.items():
        cases += [(stage, point, nth) for point in often for nth in (1, 2, 0)]
        cases += [(stage, point, 1) for point in once]
    return cases


def draw(world, stages):
    """All cases when there is time, else as many as fit, in an order that the seed draws."""
    cases = every_case(stages)
    if not FULL:
        world.random.shuffle(cases)
    end = time.monotonic() + BUDGET
    done = 0
    for case in cases:
        if time.monotonic() > end:
            break
        yield case
        done += 1
    print(f"{done} of {len(cases)} crashes")


class Ordeal:
    """An agent, a log that grows, and a destination; a method for each stage brings the agent (or the
    server) to its death, and leaves everything in order for the next."""

    def __init__(self, world, kind):
        self.world, self.kind = world, kind
        self.to = world.server().start() if kind == "server" else world.sink()
        self.log = lines.Log(world.path("access.log"))
        self.older = []
        self.log.write(50)
        self.agent = world.agent(self.to)
        self.crashes = []
        self.fed = {}  # line -> when it was written
        self.dead = set()
        self.again = set()  # numbers of jobs that were complete when they were started again
        self.jobs = 0
        self.last = {}  # stage -> passes
        self.agent.start()
        wait_for(lambda: os.path.exists(os.path.join(self.agent.state, "sites.main.json")), 20, "the sites")
        self.agent.stop()

    # ---- the destination

    def down(self):
        if self.kind == "server":
            self.to.stop()
        else:
            self.to.mood = 503

    def up(self):
        if self.kind == "server":
            self.to.start()
        else:
            self.to.mood = None

    def close_site(self):
        if self.kind == "server":
            self.to.cli("client", "ungrant", "t", SITE)
        else:
            self.to.refused_sites = {SITE: (403, "Forbidden")}

    def open_site(self):
        if self.kind == "server":
            self.to.cli("client", "grant", "t", f"{SITE}=ingest")
        else:
            self.to.refused_sites = {}
            self.to.sites = [SITE, f"other{len(self.crashes)}.example"]

    # ---- dying

    def feed(self, count=60, steps=1):
        for _ in range(steps):
            first = self.log.next
            self.log.write(count)
            self.fed.update(dict.fromkeys(range(first, self.log.next), time.monotonic()))
            time.sleep(0.08)

    def until_dead(self, proc, what, seconds=30, count=60):
        end = time.monotonic() + seconds
        while proc.alive() and time.monotonic() < end:
            if count:
                self.feed(count)
            else:
                time.sleep(0.02)
        check(not proc.alive(), f"{what}: was not reached in {seconds} s")
        check(proc.child.returncode == CRASHED,
              f"{what}: ended with {proc.child.returncode}:\n{proc.text()[-1500:]}")
        self.crashes.append(time.monotonic())

    def go(self, stage, point, nth):
        """nth 0: the last pass that a life without a crash makes."""
        nth = nth or self.last_pass(stage, point)
        getattr(self, stage)(f"crash:{point}:{nth}", f"{stage} {point}:{nth}")

    def last_pass(self, stage, point):
        """What a life of that stage counts, with a clean end; at most 12, to have an end."""
        if not FULL:
            return self.world.random.randrange(3, 6)
        if stage not in self.last:
            counts = self.world.path(f"counts.{stage}.{self.kind}")
            os.environ["LOGFERRY_FAULT_COUNTS"] = counts
            try:
                getattr(self, stage)("", "counting")
            finally:
                del os.environ["LOGFERRY_FAULT_COUNTS"]
            self.last[stage] = read_counts(counts)
        return max(1, min(12, self.last[stage].get(point, 1)))

    def live(self, fault, what, count=60, seconds=30):
        """One life of the agent that ends as the fault wants it; without one, after three seconds."""
        self.agent.start(fault)
        if fault:
            self.until_dead(self.agent.proc, what, seconds, count)
        else:
            self.feed(count, 35)
            self.agent.stop()

    # ---- stages of the agent

    def tail(self, fault, what):
        self.live(fault, what)

    def fill(self, fault, what):
        self.down()
        self.live(fault, what)
        self.up()

    def drain(self, fault, what):
        self.down()
        self.agent.start()
        for _ in range(4):  # a file each
            before = set(self.agent.state_files("spool"))
            self.feed(40)
            wait_for(lambda b=before: set(self.agent.state_files("spool")) - b, 20, "a spooled batch")
        self.agent.kill()
        self.crashes.append(time.monotonic())
        self.up()
        # Fed with little: what is tested is what lies there. A later pass needs the next outage's files.
        self.agent.start(fault)
        end = time.monotonic() + (8 if fault else 3)
        while self.agent.proc.alive() and time.monotonic() < end:
            self.feed(5)
        if self.agent.proc.alive():
            self.agent.stop()
            check(not fault or int(fault.rsplit(":", 1)[1]) > 2, f"{what}: was not reached")
        else:
            self.until_dead(self.agent.proc, what)

    def park(self, fault, what):
        self.agent.start(fault)
        self.feed(20, 5)
        self.close_site()
        self.until_dead(self.agent.proc, what)
        self.agent.start()
        self.feed(20, 5)
        self.open_site()
        self.agent.proc.signal(signal.SIGHUP)
        wait_for(lambda: not self.agent.state_files("parked"), 40, "an empty parked/")
        self.agent.stop()

    def refuse(self, fault, what):
        """Batches over a size are refused whole, and one record for itself."""
        self.to.batch_limit = 40
        letters = len(self.agent.state_files("dead"))
        victim = next(n for n in range(self.log.next, self.log.next + 10) if lines.kind(n) != lines.SKIP)
        self.to.refused[victim] = (422, "Bad record")
        self.dead.add(victim)
        self.live(fault, what, 100)
        self.agent.start()
        self.feed(20, 10)
        wait_for(lambda: self.agent.state_files("dead"), 20, "a dead letter")
        self.agent.stop()
        letters = len(self.agent.state_files("dead")) - letters
        check(letters == 1, f"{what}: {letters} letters of one record")
        self.to.batch_limit = None

    def rotate(self, fault, what):
        self.agent.start(fault)
        for _ in range(20):
            if not self.agent.proc.alive():
                break
            self.feed(20, 3)
            self.rename_log()
        self.until_dead(self.agent.proc, what)

    def rename_log(self):
        """As logrotate does, keeping all: the names before move up by one."""
        kept = [p for p in os.listdir(self.world.dir) if p.startswith("access.log.")]
        for name in sorted(kept, key=lambda p: -int(p.rsplit(".", 1)[1])):
            n = int(name.rsplit(".", 1)[1])
            os.rename(self.world.path(name), self.world.path(f"access.log.{n + 1}"))
        os.rename(self.log.path, self.log.path + ".1")
        self.log.write(1)

    def quiet(self, fault, what):
        self.agent.start(fault)
        self.feed(20, 3)
        self.rename_log()
        self.until_dead(self.agent.proc, what, 60)

    def stop(self, fault, what):
        self.agent.start(fault)
        self.feed(40, 5)
        self.agent.proc.signal(signal.SIGTERM)
        self.until_dead(self.agent.proc, what, 20, 0)

    def damaged(self, fault, what):
        path = os.path.join(self.agent.state, "spool", "00000000fffffff0.batch")
        with open(path, "wb") as f:
            f.write(b"logferry-batch 2 0123456789abcdef 10 10\nnot twenty bytes")
        self.agent.start(fault)
        self.until_dead(self.agent.proc, what)
        self.agent.start()
        check(not os.path.exists(path), f"{what}: the damaged file was left where it is")
        self.agent.stop()
        os.unlink(path.replace(".batch", ".bad"))

    def missing(self, fault, what):
        for shelf in ("spool", "parked", "dead"):
            path = os.path.join(self.agent.state, shelf)
            if os.path.isdir(path) and not os.listdir(path):
                os.rmdir(path)
        self.agent.start(fault)
        if fault and self.agent.proc.alive():  # a shelf that was not empty
            self.agent.kill()
            self.crashes.append(time.monotonic())
        elif fault:
            self.until_dead(self.agent.proc, what)
        else:
            self.agent.stop()

    def decide(self, fault, what):
        """The source's format is to be found out, and noted."""
        notes = os.path.join(self.agent.state, "formats")
        if os.path.exists(notes):
            os.unlink(notes)
        self.agent.sources["web"]["format"] = "auto"
        self.agent.configure()
        self.live(fault, what)
        self.agent.sources["web"]["format"] = "nginx_combined"
        self.agent.configure()

    def job(self, fault, what):
        """A backfill of files of its own, started again until it is through."""
        self.jobs += 1
        directory = self.world.mkdir(f"history{self.jobs}")
        first = 10**8 * self.jobs
        log = lines.Log(os.path.join(directory, "a.log"), first=first, tag=f"job{self.jobs}")
        log.write(4000)
        self.older.append(log)
        rate = ("--rate", "2500")  # long enough for several saves
        proc = self.agent.start_backfill("--source", "web", *rate, directory, fault=fault)
        code = proc.wait(60)
        check(code in ((CRASHED, 0) if fault else (0,)), f"{what}: ended with {code}:\n{proc.text()[-1500:]}")
        if code == CRASHED:
            self.crashes.append(time.monotonic())
            if "job." in fault:
                self.again |= set(log.written)
            self.agent.backfill("--source", "web", directory)

    # ---- stages of the server

    def serve(self, fault, what):
        self.to.kill()
        self.to.start(fault)
        if not self.agent.proc.alive():
            self.agent.start()
        if "crash:" in fault:
            self.until_dead(self.to.proc, what, 40)
        else:
            self.feed(60, 30)
            self.to.stop()
        self.to.start()

    def settle(self, fault, what):
        self.serve(",".join(f for f in (fault, "fail:store.settle_early:1-1000000:EIO") if f), what)

    def keep(self, fault, what):
        self.serve(",".join(f for f in (fault, "fail:store.housekeep_early:1-1000000:EIO") if f), what)

    def close(self, fault, what):
        self.to.kill()
        self.to.start(fault)
        self.feed(60, 6)
        self.to.proc.signal(signal.SIGTERM)
        self.until_dead(self.to.proc, what, 20, 0)
        self.to.start()

    def open(self, fault, what):
        self.to.kill()
        argv = [self.world.server_bin, "--store", self.to.store, "serve", "--listen", self.to.address]
        proc = Proc(argv, self.world.dir, "opening", {"LOGFERRY_FAULT": fault})
        self.until_dead(proc, what, 20, 10)
        self.to.start()

    def init(self, fault, what):
        """A store that was half made is made by the next init."""
        self.jobs += 1
        store = self.world.path(f"store{self.jobs}")
        argv = [self.world.server_bin, "--store", store]
        run([*argv, "init"], self.world.dir, 30, {"LOGFERRY_FAULT": fault}, expect=CRASHED if fault else 0)
        if fault:
            run([*argv, "init"], self.world.dir, 30)
        run([*argv, "site", "add", SITE, "--retention", "forever"], self.world.dir, 30)

    # ---- the oracle

    def judge(self):
        if self.agent.proc is None or not self.agent.proc.alive():
            self.agent.start()
        numbers = [n for log in [self.log, *self.older] for n in log.written if n not in self.dead]
        if self.kind == "server":
            wait_stored(self.to, numbers)
        else:
            wait_sunk(self.to, numbers)
            self.judge_repeats()
        wait_for(lambda: not self.agent.state_files("spool"), 30, "an empty spool")
        self.agent.stop()
        left = [p for p in self.agent.state_files() if p.endswith(".batch.new")]
        check(not left, f"left behind: {left}")

    def judge_repeats(self):
        """What came twice was written, or came the first time, shortly before a crash. (Of what is parked
        twice, both arrive when the site is open again.)"""
        arrivals = defaultdict(list)
        for moment, _, record in self.to.records:
            arrivals[int((record.get("path") or record["url"]).rsplit("/", 1)[1])].append(moment)
        late = {n: m for n, m in arrivals.items() if len(m) > 1 and n not in self.again
                and not any(c - WINDOW_S <= t <= c for c in self.crashes for t in (m[0], self.fed.get(n, m[0])))}
        check(not late, f"{len(late)} lines were sent again though long delivered: {sorted(late)[:5]}")


def read_counts(path):
    """{name: the most passes that one life has counted}"""
    counts = defaultdict(int)
    with open(path, encoding="ascii") as f:
        for line in f:
            name, passes = line.split()
            counts[name] = max(counts[name], int(passes))
    return counts


def agent_dies(world, kind, stages):
    ordeal = Ordeal(world, kind)
    for case in draw(world, stages):
        ordeal.go(*case)
    ordeal.judge()


def test_agent_into_server(world):
    agent_dies(world, "server", AGENT)


def test_agent_into_sink(world):
    agent_dies(world, "sink", AGENT | SINK_ONLY)


def test_server_store(world):
    ordeal = Ordeal(world, "server")
    ordeal.agent.start()
    for case in draw(world, SERVER):
        ordeal.go(*case)
    ordeal.judge()


def test_rotated_file_is_quiet(world):
    if FULL:
        agent_dies(world, "server", SLOW)


def crashed_in(*files):
    """The points that other tests crash at, by name."""
    import re
    names = set()
    for file in files:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), file), encoding="utf-8") as f:
            names |= set(re.findall(r"\b(?:backup|restore|expire|replay|sent|singles|keys|protocol)\.\w+\b", f.read()))
    return names


def test_every_point_has_its_stage(world):
    """... but those that fail, and do not crash."""
    import re
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/architecture.md"),
              encoding="utf-8") as f:
        page = f.read().split("## Crash points")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*)\|", page, re.M)
    documented = {n for row in rows for n in re.findall(r"`([\w.]+)`", row)}
    staged = {p for s in (AGENT, SINK_ONLY, SLOW, SERVER) for often, once in s.values() for p in often + once}
    failed = {n for n in documented if n.endswith((".write", "_early")) or n in ("store.commit", "log_file.open")}
    elsewhere = crashed_in("test_backup.py", "test_spool.py", "test_control.py", "test_hitkeep.py")
    elsewhere &= documented - failed
    check(staged | elsewhere == documented - failed, f"{(staged | elsewhere) ^ (documented - failed)}")
    check(len(staged) >= 40, f"only {len(staged)} points")


for test in (test_agent_into_server, test_agent_into_sink, test_server_store):
    test.limit = 3600 if FULL else 120
del test
