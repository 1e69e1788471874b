"""R10 to R12, R21, R27: many files, few watches, few descriptors, a clock that jumps, a directory where
somebody else may write."""
import glob
import os
import signal
import socket
import subprocess
import threading
import time

import lines
from chaos import (SKIPPED, FastSink, Writer, check, count_of, cpu, descriptors, figure, resident, scenario,
                   settle)
from harness import Agent
from proc import Proc, wait_for

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class WrappedAgent(Agent):
    """An agent that is started by another command, which executes it."""
    wrap, more = [], {}

    def start(self, fault=None):
        argv = [*self.wrap, self.world.agent_bin, "--config", self.config, "run"]
        self.proc = Proc(argv, self.world.dir, self.name, dict(self.environment(fault), **self.more))
        wait_for(lambda: self.proc.events("started") or not self.proc.alive(), 20, f"{self.name} to start")
        check(self.proc.alive(), f"{self.name} did not start: {self.proc.text()[-800:]}")
        return self


def wrapped(world, destination, wrap, more=None, **options):
    agent = WrappedAgent(world, destination, "agent", **options)
    agent.wrap, agent.more = wrap, more or {}
    return agent


# ---- many files ------------------------------------------------------------------------------------

def arrivals(sink, writer):
    """Milliseconds from the write of each line to its arrival, sorted."""
    wrote = {}
    for at, _, _, _, first, count in writer.writes():
        wrote.update(dict.fromkeys(range(first, first + count), at / 1e6))
    return sorted(int(row[0]) - wrote[int(row[5])] for row in sink.rows() if int(row[5]) in wrote)


@scenario("10,000 files, 100 active: <= 0.5 % CPU idle, <= 32 MB, <= 256 descriptors, p99 <= 1 s",
          limit=90, build="release")
def r10_ten_thousand_files(world):
    """Files at rest cost no descriptor and no CPU; a new line in one of them is seen at once."""
    files, active, sink = figure(600, 10000), figure(20, 100), FastSink(world)
    pattern = os.path.join(world.mkdir("logs"), "site{}.access.log")
    first = Writer(world, pattern, files=files, count=10, stride=10000, rate=0).finish(120)
    agent = world.agent(sink, files=world.path("logs") + "/site*.access.log").start()
    settle(sink, first.ranges(), seconds=figure(40, 120), agent=agent, what="the first lines of all")
    time.sleep(figure(1, 15))
    before, began = cpu(agent.proc), time.monotonic()
    time.sleep(figure(3, 60))
    idle = (cpu(agent.proc) - before) / (time.monotonic() - began) * 100
    second = Writer(world, pattern, files=active, first=10, stride=10000, rate=active * 10, per_write=1)
    time.sleep(figure(3, 30))
    second.stop()
    settle(sink, sorted(first.ranges() + second.ranges()), agent=agent)
    late = arrivals(sink, second)
    p99, open_now, memory = late[len(late) * 99 // 100], descriptors(agent.proc), resident(agent.proc)
    agent.stop()
    text = f"{files} files, {active} active: {idle:.2f} % CPU idle, {memory >> 20} MiB, {open_now} " \
           f"descriptors, p99 {p99:.0f} ms"
    check(open_now <= 256, text)
    check(p99 <= figure(9000, 1000), text)
    check(idle <= figure(25, 0.5), text)
    check(memory <= figure(1 << 40, 32 << 20), text)
    return text


# ---- few watches, few descriptors ------------------------------------------------------------------

def limited(world, sink, what, limit, directories):
    """An agent in a user namespace where inotify has so little; None where that is not possible."""
    probe = subprocess.run(["unshare", "-U", "-r", "sh", "-c", f"echo {limit} >/proc/sys/user/{what}"],
                           capture_output=True, check=False)
    if probe.returncode:
        return None, probe.stderr.decode().strip()
    wrap = ["unshare", "-U", "-r", "sh", "-c", f'echo {limit} >/proc/sys/user/{what} && exec "$@"', "sh"]
    for i in range(directories):
        world.mkdir("logs", f"d{i:04d}")
    return wrapped(world, sink, wrap, files=world.path("logs") + "/d*/access.log"), None


def polled(world, what, limit, directories):
    """Lines in every directory, a rotation, lines again; all by looking, with one message."""
    server = world.server().start()
    agent, why = limited(world, server, what, limit, directories)
    if why:
        return SKIPPED + why
    logs = [lines.Log(world.path("logs", f"d{i:04d}", "access.log"), first=i * 1000)
            for i in range(directories)]
    for log in logs:
        log.write(50)
    agent.start()
    settle(server, [(log.next - 50, log.next) for log in logs], seconds=40, what="the first lines")
    for log in logs:
        log.write(50)
        os.rename(log.path, log.path + ".1")
        log.write(50)
    settle(server, [(log.next - 150, log.next) for log in logs], seconds=45, agent=agent)
    said = [e for e in agent.proc.events()
            if e.get("event") in ("polling", "no_inotify", "directory_not_watched")]
    agent.stop()
    check(len(said) == 1, f"{len(said)} messages: {said[:3]}")
    return f"{directories} directories, {what}={limit}: 0 lost, 0 twice, 1 message"


@scenario("150 directories with 100 watches: falls back to polling, says so once, 0 lost", limit=90)
def r11_few_watches(world):
    return polled(world, "max_inotify_watches", figure(3, 100), figure(8, 150))


@scenario("no inotify instance: falls back to polling, says so once, 0 lost", limit=90)
def r11_no_instance(world):
    return polled(world, "max_inotify_instances", 0, figure(4, 50))


@scenario("a queue that overflowed: what happened meanwhile is found within seconds, 0 lost, 0 twice")
def r11_queue_overflow(world):
    """More events than the kernel keeps for a process that was stopped, and two rotations among them."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as f:
        most = int(f.read())
    if most > 100000:
        return SKIPPED + f"the queue holds {most} events"
    server = world.server().start()
    directory = world.mkdir("logs")
    logs = [lines.Log(os.path.join(directory, f"{n}.access.log"), first=i * 10**6)
            for i, n in enumerate("ab")]
    for log in logs:
        log.write(10)
    agent = world.agent(server, files=directory + "/*.access.log").start()
    settle(server, [(i * 10**6, log.next) for i, log in enumerate(logs)], what="the first lines")
    agent.proc.signal(signal.SIGSTOP)
    for log in logs:
        log.write(10)
        os.rename(log.path, log.path + ".1")
    for turn in range(most // 2 + 500):  # by turns: equal events in a row are one
        with open(logs[turn % 2].path, "ab"):
            os.utime(logs[turn % 2].path)
    for log in logs:
        os.rename(log.path, log.path + ".0")
        log.write(500)
    agent.proc.signal(signal.SIGCONT)
    began = time.monotonic()
    settle(server, [(i * 10**6, log.next) for i, log in enumerate(logs)], agent=agent)
    agent.stop()
    return f"{most} events and more, all there after {time.monotonic() - began:.1f} s, 0 lost, 0 twice"


@scenario("ulimit -n 64 with 500 files and a rotation: 0 lost, no busy loop", limit=90)
def r12_agent_with_few_descriptors(world):
    """More files at work than may be open."""
    server, files = world.server().start(), figure(150, 500)
    agent = wrapped(world, server, ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
                    files=world.mkdir("logs") + "/*.access.log")
    pattern = world.path("logs", "s{}.access.log")
    writer = Writer(world, pattern, files=files, stride=1000, rate=files * 10, per_write=1)
    agent.start()
    time.sleep(2)
    for path in glob.glob(world.path("logs") + "/*.access.log"):
        os.rename(path, path + ".1")
    writer.reopen()
    time.sleep(2)
    writer.stop()
    settle(server, writer.ranges(), seconds=figure(40, 90), agent=agent)
    before = cpu(agent.proc)
    time.sleep(3)
    busy = cpu(agent.proc) - before
    check(busy < figure(1.5, 0.6), f"{busy:.2f} s of CPU in 3 s with nothing to do")
    open_now = descriptors(agent.proc)
    agent.stop()
    return f"{files} files, {open_now} descriptors, {count_of(writer.ranges())} lines, 0 lost, {busy:.2f} s " \
           "of CPU in 3 idle s"


@scenario("a server with ulimit -n 64 and 200 connections: no busy loop, serves again, 0 lost")
def r12_server_with_few_descriptors(world):
    """EMFILE at accept."""
    server = world.server().start()
    server.stop()
    argv = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", server.world.server_bin, "--store", server.store,
            "serve", "--listen", server.address]
    server.proc = Proc(argv, world.dir, "server", {"LOGFERRY_FAULT": ""})
    server.proc.wait_event("listening", 20)
    host, port = server.address.rsplit(":", 1)
    held = []
    for _ in range(200):
        s = socket.socket()
        s.settimeout(20)
        s.connect((host, int(port)))  # the kernel's queue takes what the server cannot
        held.append(s)
        if len(held) % 20 == 0:
            time.sleep(0.05)
    time.sleep(1)
    before = cpu(server.proc)
    time.sleep(3)
    busy = cpu(server.proc) - before
    check(server.proc.alive() and busy < figure(2.0, 1.0), f"{busy:.2f} s of CPU in 3 s without descriptors")
    log = lines.Log(world.path("access.log"))
    log.write(500)
    agent = world.agent(server).start()
    time.sleep(1)
    for s in held:
        s.close()
    settle(server, [(0, log.next)], seconds=45, agent=agent)
    agent.stop()
    server.stop()
    return f"200 connections, {busy:.2f} s of CPU in 3 s, 0 lost"


# ---- the clock --------------------------------------------------------------------------------------

def preload(program):
    """LD_PRELOAD with libfaketime, behind the sanitizer's library, which must come first."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    asan = [line.split()[2] for line in out.splitlines() if "libasan" in line]
    return ":".join(asan + [FAKETIME])


class Clock:
    """The wall clock of a process: what it says is that offset from the true one. The monotonic clock
    goes on as ever, as with a real jump."""

    def __init__(self, world, name, program):
        self.file = world.path(name + ".clock")
        self.environment = {"LD_PRELOAD": preload(program), "FAKETIME_TIMESTAMP_FILE": self.file,
                            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.set("+0")

    def set(self, offset):
        with open(self.file + ".new", "w", encoding="ascii") as f:
            f.write(offset + "\n")
        os.rename(self.file + ".new", self.file)


def start_server_with(server, clock):
    argv = [server.world.server_bin, "--store", server.store, "serve", "--listen", server.address]
    server.proc = Proc(argv, server.world.dir, server.name, clock.environment)
    server.proc.wait_event("listening", 20)


OWN_CLOCK = "this build has a clock of its own (clock:: lets that one jump); make soak takes the release build"


def has_clock(world):
    """A build with fault points answers for the clock itself: libfaketime would shift the other half."""
    with open(world.agent_bin, "rb") as f:
        return b"LOGFERRY_CLOCK" in f.read()


@scenario("the clocks of agent and server jump 8 times each: 0 lost, 0 twice, no delay, no busy loop",
          limit=110, build="release")
def r21_clock_jumps(world):
    """A day back, a day on, ten years, 1970, in the middle of the work, with rotations and kills."""
    if has_clock(world):
        return SKIPPED + OWN_CLOCK
    if not os.path.exists(FAKETIME):
        return SKIPPED + "no libfaketime"
    server = world.server().start()
    server.stop()
    clocks = [Clock(world, "agent", world.agent_bin), Clock(world, "server", world.server_bin)]
    start_server_with(server, clocks[1])
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = wrapped(world, server, [], dict(clocks[0].environment, TZ="America/New_York")).start()
    settle(server, [(0, log.next)], what="before the first jump")
    jumps = ("-1d", "+1d", "+10y", "-20y", "-1s", "+1s", "@1970-01-01 00:00:30", "+0")
    slowest, turn = 0.0, 0
    for jump in jumps:
        for clock in clocks:
            clock.set(jump)
            turn += 1
            log.write(60)
            if turn % 3 == 0:
                os.rename(log.path, f"{log.path}.{turn}")
            log.write(60)
            if turn % 5 == 0:
                agent.kill()
                agent.start()
            if turn % 5 == 3:
                server.kill()
                start_server_with(server, clocks[1])
            began = time.monotonic()
            settle(server, [(0, log.next)], seconds=40, what=f"{jump} of {os.path.basename(clock.file)}")
            slowest = max(slowest, time.monotonic() - began)
    # Of the agent: libfaketime ends a wait on the monotonic clock at once, as the server's writer has it
    # (clock:: shows the server with a clock that really jumps).
    before = cpu(agent.proc)
    time.sleep(2)
    busy = cpu(agent.proc) - before
    check(busy < 1, f"{busy:.1f} s of CPU in 2 s with nothing to do")
    check(slowest < 25, f"lines took {slowest:.1f} s after a jump")
    first, last = server.rows("SELECT min(at), max(at) FROM records")[0]
    unit = 1000 if first > 10**11 else 1
    due = (log.base, log.base + log.next // 10)
    check(due[0] <= first / unit and last / unit <= due[1], f"moments {first} to {last}, the log's: {due}")
    agent.stop()
    return f"{2 * len(jumps)} jumps, {slowest:.1f} s at most, 0 lost, 0 twice, the log's own moments"


@scenario("booted at 1970, then set right: 0 lost, 0 twice", build="release")
def r21_boot_at_1970(world):
    """A machine without a clock: everything starts in 1970, and NTP comes later."""
    if has_clock(world):
        return SKIPPED + OWN_CLOCK
    if not os.path.exists(FAKETIME):
        return SKIPPED + "no libfaketime"
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    clock = Clock(world, "agent", world.agent_bin)
    clock.set("@1970-01-01 00:00:05")
    agent = wrapped(world, server, [], clock.environment).start()
    settle(server, [(0, log.next)], what="in 1970")
    log.write(50)
    os.rename(log.path, log.path + ".1")
    log.write(50)
    clock.set("+0")
    settle(server, [(0, log.next)], agent=agent, what="set right")
    agent.stop()
    clock.set("@1970-01-01 00:00:05")  # the next boot: the saved positions come from the future
    log.write(50)
    os.rename(log.path, log.path + ".2")
    log.write(50)
    agent.start()
    settle(server, [(0, log.next)], agent=agent, what="in 1970 again")
    agent.stop()
    return "2 boots, 0 lost, 0 twice"


# ---- a hostile directory ---------------------------------------------------------------------------

def hostile_names(directory, secret):
    """Everything but a log, under a log's name."""
    def name(text):
        return os.path.join(directory, text + ".access.log")
    os.symlink(secret, name("link"))
    os.symlink("/proc/self/environ", name("environ"))
    os.symlink("/dev/zero", name("zero"))
    os.symlink(name("loop"), name("loop"))
    os.symlink("/etc/no-such-file", name("dangling"))
    os.symlink(os.path.dirname(secret), name("directory-link"))
    os.mkfifo(name("fifo"))
    os.mkdir(name("directory"))
    s = socket.socket(socket.AF_UNIX)
    s.bind(name("socket"))
    if os.geteuid() == 0:
        os.mknod(name("device"), 0o20600, os.makedev(1, 5))
    return s


class Swapper(threading.Thread):
    """A name that is a log at one moment and a symlink to a secret at the next."""

    def __init__(self, path, text, secret):
        super().__init__(daemon=True)
        self.path, self.text, self.secret, self.over, self.swaps = path, text, secret, False, 0
        self.start()

    def run(self):
        while not self.over:
            with open(self.path + "~", "w", encoding="ascii") as f:
                f.write(self.text)
            os.rename(self.path + "~", self.path)
            os.symlink(self.secret, self.path + "~")
            os.rename(self.path + "~", self.path)
            self.swaps += 1


@scenario("every kind of file that is no log, 30 s of swaps during open: nothing of it read, 0 lost")
def r27_hostile_directory(world):
    """Symlinks out of the directory, FIFO, device, socket, directory, loops, and a name that changes its
    nature while it is opened: no line from elsewhere is sent, nothing hangs, the good log goes on."""
    server = world.server().start()
    directory, secret = world.mkdir("logs"), os.path.join(world.mkdir("secret"), "passwd")
    hidden = lines.Log(secret, first=9 * 10**6)
    hidden.write(200)
    good = lines.Log(os.path.join(directory, "good.access.log"))
    good.write(100)
    os.link(good.path, os.path.join(directory, "hard.access.log"))  # one file under two names: read once
    inside = lines.Log(os.path.join(directory, "inside.access.log"), first=100000)
    os.symlink("inside.access.log", os.path.join(directory, "current.access.log"))  # allowed, and read once
    kept = hostile_names(directory, secret)
    swapped = lines.Log(world.path("swap"), first=200000)
    swapper = Swapper(os.path.join(directory, "swap.access.log"), swapped.text(20), secret)
    agent = world.agent(server, files=directory + "/*.access.log").start()
    end = time.monotonic() + figure(5, 30)
    while time.monotonic() < end:
        good.write(10)
        inside.write(10)
        time.sleep(0.05)
    swapper.over = True
    swapper.join()
    os.unlink(swapper.path)
    with open(swapper.path, "w", encoding="ascii") as f:
        f.write(swapper.text)
    good.write(100)
    ranges = [(0, good.next), (100000, inside.next), (200000, 200020)]
    settle(server, ranges, agent=agent)
    resident_now = resident(agent.proc)
    refused = agent.proc.events("file_refused")  # the first of a minute
    agent.stop()
    kept.close()
    check(refused, "no word (file_refused) on what is no log")
    return f"{swapper.swaps} swaps, nothing from elsewhere, 0 lost, {resident_now >> 20} MiB"
