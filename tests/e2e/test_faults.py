"""Every system call on state fails once, and for two seconds: the programs go on, or end and say why; no
line is lost, and none stored twice. So does every allocation. Needs SAN=1 (parsers/base/fault.h).

How many passes a life makes is counted first. E2E_FULL=1 fails each of them (of the thousands of
allocations an even share, another one at each seed); a normal run draws what fits into BUDGET seconds.
"""
import os
import signal
import time
from collections import defaultdict
from itertools import zip_longest

import lines
from harness import wait_stored, wait_sunk
from proc import Proc, check, wait_for
from test_crash_points import read_counts

FULL = os.environ.get("E2E_FULL") == "1"
BUDGET = 10**6 if FULL else 12
ALLOCATIONS = 400  # of one program, in E2E_FULL
WINDOW_MS = 2000
ERRNOS = {
    "sys.open": ("EMFILE", "EIO", "ENOSPC"), "sys.read": ("EIO",), "sys.write": ("ENOSPC", "EIO", "EDQUOT"),
    "sys.fsync": ("EIO", "ENOSPC"), "sys.fsync_dir": ("EIO",), "sys.ftruncate": ("EIO",),
    "sys.rename": ("EIO", "EROFS", "ENOSPC"), "sys.unlink": ("EIO", "EROFS"), "sys.mkdir": ("ENOSPC",),
    "malloc": ("ENOMEM",),
}


def every_fault(world, counts):
    """Specifications for LOGFERRY_FAULT: each pass once; from a few passes on for a while; torn writes."""
    found = []
    for name, errnos in ERRNOS.items():
        passes = list(range(1, counts.get(name, 0) + 1))
        if name == "malloc" and len(passes) > ALLOCATIONS:
            passes = sorted(world.random.sample(passes, ALLOCATIONS))
        found += [f"fail:{name}:{n}-{n}:{world.random.choice(errnos)}" for n in passes]
        if name != "malloc":
            found += [f"fail:{name}:{n}+{WINDOW_MS}:{world.random.choice(errnos)}" for n in passes[::3]]
    for n in range(1, counts.get("sys.write", 0) + 1):
        keep = world.random.choice((0, 1, 511, 512, 513, 4096))
        found.append(f"tear:sys.write:{n}:{keep}:{world.random.choice(('short', 'ENOSPC', 'EIO', 'crash'))}")
    return found


def draw(world, counts):
    """A share of each kind of call, whatever their numbers are."""
    faults = every_fault(world, counts)
    if not FULL:
        world.random.shuffle(faults)
        calls = defaultdict(list)
        for fault in faults:
            calls[fault.split(":")[1]].append(fault)
        faults = [f for one_of_each in zip_longest(*calls.values()) for f in one_of_each if f]
    end = time.monotonic() + BUDGET
    done = 0
    for fault in faults:
        if time.monotonic() > end:
            break
        yield fault
        done += 1
    print(f"{done} of {len(faults)} faults")


def check_end(proc, fault):
    """It ended by itself, or at SIGTERM: cleanly, or with a message."""
    code = proc.child.returncode
    text = proc.text()
    if code in (0, -signal.SIGTERM):  # before it has started, the signal finds no handler
        return
    if code == 137 and fault.endswith(":crash"):
        return
    # A small fixed object that cannot be had: the rule is to end, because state on disk is whole.
    if code == -signal.SIGABRT and fault.startswith("fail:malloc"):
        return
    check(0 < code < 99, f"{fault}: ended with {code}:\n{text[-1500:]}")
    check(text.strip(), f"{fault}: ended with {code} and not a word")


# ---- the agent

class AgentLives:
    """Lives of two seconds, each with an outage of the destination, all on one state directory."""

    def __init__(self, world, kind):
        self.world, self.kind = world, kind
        self.to = world.server().start() if kind == "server" else world.sink()
        self.log = lines.Log(world.path("access.log"))
        self.agent = world.agent(self.to)
        self.agent.start()
        wait_for(lambda: os.path.exists(os.path.join(self.agent.state, "sites.main.json")), 20, "the sites")

    def feed(self, seconds, proc):
        end = time.monotonic() + seconds
        while time.monotonic() < end and proc.alive():
            self.log.write(20)
            time.sleep(0.05)

    def outage(self, proc):
        if self.kind == "sink":
            self.to.mood = 503
            self.feed(0.8, proc)
            self.to.mood = None
        else:
            self.feed(0.4, proc)

    def live(self, fault):
        self.agent.start(fault)
        proc = self.agent.proc
        self.feed(0.4, proc)
        self.outage(proc)
        self.feed(0.5 + ("+" in fault) * WINDOW_MS / 1000, proc)
        proc.ended_here = True
        proc.signal(signal.SIGTERM)
        proc.wait(20)
        check_end(proc, fault)

    def count(self):
        path = self.world.path("counts")
        os.environ["LOGFERRY_FAULT_COUNTS"] = path
        self.live("")
        del os.environ["LOGFERRY_FAULT_COUNTS"]
        return read_counts(path)

    def run(self):
        self.agent.stop()
        for fault in draw(self.world, self.count()):
            self.live(fault)
        self.agent.start()
        if self.kind == "server":
            wait_stored(self.to, self.log.written)
        else:
            wait_sunk(self.to, self.log.written)
        wait_for(lambda: not self.agent.state_files("spool"), 30, "an empty spool")
        self.agent.stop()
        left = [p for p in self.agent.state_files() if p.endswith((".new", ".bad"))]
        check(not left, f"left behind: {left}")


def test_agent_into_sink(world):
    AgentLives(world, "sink").run()


def test_agent_into_server(world):
    AgentLives(world, "server").run()


def test_spool_file_that_cannot_be_read_now(world):
    """A passing error of the disk, or no descriptor left, makes no damaged file of a whole one."""
    for errno in ("EIO", "EMFILE"):
        sink = world.sink()
        log = lines.Log(world.path(errno + ".log"))
        log.write(50)
        agent = world.agent(sink, errno, files=log.path).start()
        wait_sunk(sink, log.written)
        sink.mood = 503
        for _ in range(2):
            before = set(agent.state_files("spool"))
            log.write(50)
            wait_for(lambda b=before: set(agent.state_files("spool")) - b, 20, "a spooled batch")
        agent.stop()
        sink.mood = None
        # The start reads both positions, the sites, the protocol and each file; what comes then is to be sent.
        nth = 4 + len(agent.state_files("spool")) + 1
        agent.start(f"fail:sys.read:{nth}+{WINDOW_MS}:{errno}")
        agent.proc.wait_event("disk_unwell")
        wait_sunk(sink, log.written)
        wait_for(lambda: not agent.state_files("spool"), 20, "an empty spool")
        check(not agent.proc.events("spool_file_damaged"), "a whole file was called damaged")
        agent.stop()


def test_no_descriptors_for_a_while(world):
    """A log that cannot be opened for want of descriptors is looked at again though nothing happens to it:
    at the start, and when it was rotated."""
    server, log = world.server().start(), lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start("fail:log_file.open:1+2500:EMFILE")
    wait_stored(server, log.written, seconds=15, what="what was there at the start")
    agent.stop()
    log.write(100)
    os.rename(log.path, log.path + ".1")
    agent.start("fail:log_file.open:1+2500:EMFILE")
    wait_stored(server, log.written, seconds=15, what="what was rotated meanwhile")
    check("LimitNOFILE" in agent.proc.text(), f"it tells what lacks: {agent.proc.text()[-1500:]}")
    agent.stop()


# ---- the server

def test_server(world):
    """The agent delivers all the time; the server's calls fail, its starts included."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(50)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    server.stop()
    early = "fail:store.settle_early:1-100000000:EIO"

    def live(fault):
        argv = [world.server_bin, "--store", server.store, "serve", "--listen", server.address]
        proc = Proc(argv, world.dir, "suffering", {"LOGFERRY_FAULT": f"{fault},{early}".strip(",")})
        end = time.monotonic() + 1.2 + ("+" in fault) * WINDOW_MS / 1000
        while time.monotonic() < end and proc.alive():
            log.write(20)
            time.sleep(0.05)
        proc.ended_here = True
        proc.signal(signal.SIGTERM)
        proc.wait(20)
        check_end(proc, fault)

    counts = world.path("counts")
    os.environ["LOGFERRY_FAULT_COUNTS"] = counts
    live("")
    del os.environ["LOGFERRY_FAULT_COUNTS"]
    for fault in draw(world, read_counts(counts)):
        live(fault)
    server.start()
    wait_stored(server, log.written)
    check(server.rows("PRAGMA integrity_check") == [("ok",)], "the store is damaged")
    agent.stop()


for test in (test_agent_into_sink, test_agent_into_server, test_server):
    test.limit = 3600 if FULL else 120
del test
