"""R5 to R9: a log that is rotated, copied, truncated, compressed and reused loses nothing and doubles
nothing, whatever the agent was doing meanwhile."""
import os
import time

import lines
from chaos import (SKIPPED, FastSink, Repeated, Writer, check, check_skipped, copytruncate, count_of,
                   figure, logrotate, lost_between_copy_and_truncation, missing_in, numbers_in,
                   rename_and_reopen, scenario, settle)
from machine import mounted, private_mounts
from proc import wait_for

RATE = figure(4000, 10000)


def begun(world, destination, log, **options):
    """An agent that has begun to read a log, and the writer of it. (What is rotated before the first look
    of a new agent is old, by `start: beginning`.)"""
    writer = Writer(world, log, rate=RATE, per_write=20, density=1000, **options)
    agent = world.agent(destination, files=log).start()
    wait_for(destination.count, 20, "the first record")
    return agent, writer


def stormed(world, destination, turn=None, seconds=None):
    """Renames the log 20 times a second under a writer at 10,000 lines/s, for 60 seconds."""
    log = os.path.join(world.mkdir("logs"), "access.log")
    agent, writer = begun(world, destination, log)
    storm = Repeated(20, rename_and_reopen(log, writer))
    end = time.monotonic() + (seconds or figure(6, 60))
    while time.monotonic() < end:
        time.sleep(0.1)
        if turn:
            turn(agent)
    rotations = storm.stop()
    writer.stop()
    return agent, writer.ranges(), rotations


@scenario("20 rotations/s for 60 s at 10,000 lines/s: 0 lost, 0 stored twice", build="release")
def r05_rotation_storm(world):
    """Rename, create and SIGUSR1, twenty times a second."""
    server = world.server().start()
    agent, ranges, rotations = stormed(world, server)
    settle(server, ranges, agent=agent)
    check_skipped(server, ranges)
    agent.stop()
    return f"{rotations} rotations, {count_of(ranges)} lines, 0 lost, 0 twice"


@scenario("the same into a sink: 0 lost, 0 again", build="release")
def r05_rotation_storm_into_sink(world):
    """An agent that is not disturbed sends nothing twice, even where nobody would notice."""
    sink = FastSink(world)
    agent, ranges, rotations = stormed(world, sink)
    again = settle(sink, ranges, agent=agent)
    check(again == 0, f"{again} records came again")
    agent.stop()
    return f"{rotations} rotations, {count_of(ranges)} lines, 0 lost, 0 again"


@scenario("stopped, and killed, during 5 rotations of the storm at a time: 0 lost, 0 stored twice",
          build="release")
def r05_agent_away_during_rotations(world):
    """The agent is away, cleanly or not, while the log is rotated five times under it."""
    server, turns = world.server().start(), []

    def away(agent):
        turns.append(time.monotonic())
        if len(turns) % 2:
            agent.stop()
        else:
            agent.kill()
        time.sleep(0.26)
        agent.start()
        time.sleep(world.random.uniform(0.2, 1.0))
    agent, ranges, rotations = stormed(world, server, away)
    settle(server, ranges, agent=agent)
    agent.stop()
    return f"{rotations} rotations, away {len(turns)} times, {count_of(ranges)} lines, 0 lost, 0 twice"


@scenario("real logrotate, compress and delaycompress, as often as it can for 60 s: 0 lost, 0 twice",
          build="release")
def r05_logrotate_compressing(world):
    """access.log, .1, .2.gz, …: every file changes its name with every rotation, one is compressed."""
    server = world.server().start()
    log = os.path.join(world.mkdir("logs"), "access.log")
    agent, writer = begun(world, server, log)
    end, turns = time.monotonic() + figure(6, 60), 0
    while time.monotonic() < end:
        keys = ["rotate 1000", "create 0640", "compress", "sharedscripts",
                f"postrotate\n        kill -USR1 {writer.proc.pid}\n    endscript"]
        logrotate(world, "r05", log, keys + (["delaycompress"] if turns % 3 else []))
        turns += 1
        time.sleep(0.15)
    writer.stop()
    settle(server, writer.ranges(), agent=agent)
    agent.stop()
    return f"{turns} rotations, {count_of(writer.ranges())} lines, 0 lost, 0 twice"


def compressing(program):
    return ["create 0640", "compress", f"compresscmd /usr/bin/{program}", f"uncompresscmd /usr/bin/un{program}",
            f"compressext .{ {'zstd': 'zst', 'bzip2': 'bz2'}.get(program, program)}", "compressoptions -q"]


# What logrotate is told; "olddir" is told to the agent as well.
VARIANTS = {
    "gzip": ["create 0640", "compress"],
    "zstd": compressing("zstd"),
    "xz": compressing("xz"),
    "bzip2": compressing("bzip2"),
    "dateext": ["create 0640", "dateext", "dateformat -%Y%m%d-%s"],
    "extension": ["create 0640", "dateext", "dateformat -%Y%m%d-%s", "extension .log", "compress",
                  "delaycompress"],
    "olddir": ["create 0640", "olddir old", "createolddir 0755 root root"],
    "olddir-gzip": ["create 0640", "olddir old", "createolddir 0755 root root", "compress"],
    "renamecopy": ["create 0640", "renamecopy"],
    "copy": ["copy"],
}


def rotate_variants(world, writers):
    for name, writer in writers.items():
        keys = ["rotate 1000", *VARIANTS[name]]
        if name != "copy":
            keys.append(f"postrotate\n        kill -USR1 {writer.proc.pid}\n    endscript")
        logrotate(world, name, writer.path, keys)


@scenario("10 ways of logrotate, 20 rotations each, the agent away for 4 of them: 0 lost, 0 stored twice",
          limit=90, build="release")
def r05_logrotate_variants(world):
    """gzip, zstd, xz, bzip2, dateext, extension, olddir, renamecopy, copy: one agent follows them all."""
    server, writers, sources = world.server().start(), {}, {}
    for at, name in enumerate(VARIANTS):
        log = os.path.join(world.mkdir(name), "access.log")
        writers[name] = Writer(world, log, first=at * 10**6, rate=150, per_write=5, tag=name)
        sources[name] = {"files": log, "format": "nginx_combined",
                         "keys": "    olddir: old\n" if name.startswith("olddir") else ""}
    agent = world.agent(server, sources=sources).start()
    wait_for(lambda: agent.ledger()["lines"] >= 50 * len(VARIANTS), 30, "lines of each", 0.3)
    turns, away = figure(5, 20), figure((1,), (5, 15))
    for turn in range(turns):
        if turn in away:
            agent.stop()
        rotate_variants(world, writers)
        time.sleep(1.1)  # the names have seconds
        if turn - 1 in away:
            agent.start()
    for writer in writers.values():
        writer.stop()
    ranges = sorted(r for writer in writers.values() for r in writer.ranges())
    settle(server, ranges, agent=agent)
    agent.stop()
    return f"{len(VARIANTS)} ways, {turns} rotations each, {count_of(ranges)} lines, 0 lost, 0 twice"


def truncated(world, destination, rotate, seconds, **options):
    """A writer whose log is copied and truncated; returns the agent, what was written, what the kernel
    has not kept, and how often."""
    directory = world.mkdir("logs")
    log = os.path.join(directory, "access.log")
    agent, writer = begun(world, destination, log, **options)
    storm = Repeated(2, lambda turn: rotate(log, turn))
    time.sleep(seconds)
    turns = storm.stop()
    writer.stop()
    ranges = writer.ranges()
    lost = missing_in(ranges, numbers_in(directory, "access.log"))
    return agent, writer, lost, turns


def own_copy(pause):
    def rotate(log, turn):
        copytruncate(log, f"{log}.{turn + 1:06d}", pause)
    return rotate


def r06(world, destination, rotate, seconds=figure(6, 60), **options):
    agent, writer, lost, turns = truncated(world, destination, rotate, seconds, **options)
    ranges = writer.ranges()
    again = settle(destination, ranges, lost, agent=agent)
    check(again == 0, f"{again} records came again")
    agent.stop()
    return writer, lost, f"{turns} copytruncates, {count_of(ranges)} lines, {len(lost)} lost by the kernel"


def check_lost_by_the_journal(world, writer, lost):
    """Two ways to tell what the kernel lost must agree: what no file holds, and what the writer wrote
    between the end of a copy and the truncation."""
    directory = os.path.dirname(writer.path)
    copies = [os.path.getsize(os.path.join(directory, f)) for f in sorted(os.listdir(directory))
              if f != "access.log"]
    missing, lives = lost_between_copy_and_truncation(writer.writes(), copies)
    # After the last truncation perhaps nothing was written any more.
    check(len(copies) - lives in (0, 1), f"{lives} truncations in the journal, {len(copies)} copies")
    written = {}
    for _, _, _, size, first, count in writer.writes():
        written.update(dict.fromkeys(range(first, first + count), size / count))
    bytes_lost = sum(written[n] for n in lost)
    check(abs(bytes_lost - missing) <= 6000 * max(1, lives),
          f"the files lack {bytes_lost:.0f} bytes, by the journal the kernel lost {missing}")


@scenario("2/s for 60 s at 10,000 lines/s: nothing lost but by the kernel, 0 stored twice", build="release")
def r06_copytruncate_storm(world):
    """Copy and truncate, with 20 ms between them: what fell between is gone, nothing else is."""
    server = world.server().start()
    writer, lost, text = r06(world, server, own_copy(0.02))
    check_lost_by_the_journal(world, writer, lost)
    check(lost, "the kernel lost nothing: this shows nothing")
    return text + ", 0 else, 0 twice"


@scenario("the same without a pause, into a sink: nothing lost but by the kernel, 0 again", build="release")
def r06_copytruncate_storm_into_sink(world):
    sink = FastSink(world)
    _, _, text = r06(world, sink, own_copy(0))
    return text + ", 0 else, 0 again"


@scenario("real logrotate's copytruncate, 2/s for 60 s: the same", build="release")
def r06_logrotate_copytruncate(world):
    """The copies are renumbered with every rotation, and compressed one later."""
    server = world.server().start()

    def rotate(log, _):
        logrotate(world, "r06", log, ["rotate 1000", "copytruncate", "compress", "delaycompress"])
    _, _, text = r06(world, server, rotate)
    return text + ", 0 else, 0 twice"


@scenario("a writer without O_APPEND leaves a hole of NULs, 20 s: the same", build="release")
def r06_writer_with_its_own_offset(world):
    """After each truncation the file begins with as many NULs as were written before. (20 s: each copy has
    the holes of all before it.)"""
    server = world.server().start()
    _, _, text = r06(world, server, own_copy(0), figure(6, 20), append=0)
    return text + ", 0 else, 0 twice"


@scenario("the agent away during copytruncates: nothing lost but by the kernel, 0 stored twice",
          build="release")
def r06_agent_away(world):
    """Stopped or killed, it finds copies, and a file that was emptied and has grown again."""
    server = world.server().start()
    log = os.path.join(world.mkdir("logs"), "access.log")
    agent, writer = begun(world, server, log)
    for turn in range(figure(4, 40)):
        time.sleep(world.random.uniform(0.1, 0.6))
        if turn % 2:
            agent.stop()
        else:
            agent.kill()
        for part in range(2):
            time.sleep(world.random.uniform(0.05, 0.2))
            copytruncate(log, f"{log}.{turn:04d}{part}")
        agent.start()
    writer.stop()
    ranges = writer.ranges()
    lost = missing_in(ranges, numbers_in(os.path.dirname(log), "access.log"))
    settle(server, ranges, lost, agent=agent)
    agent.stop()
    return f"{turn + 1} times away, {count_of(ranges)} lines, {len(lost)} lost by the kernel, 0 else"


def reuse_cycles(world, directory, cycles, name):
    """rotate, gzip, a new file that may get the freed inode; returns how often it did."""
    server = world.server(name=name + ".server").start()
    log = lines.Log(os.path.join(directory, "access.log"))
    log.write(20)
    agent = world.agent(server, name, files=log.path).start()
    reused = 0
    for turn in range(cycles):
        if turn % 3 == 0:  # sometimes all is read before, sometimes not
            time.sleep(world.random.uniform(0.0, 0.1))
        before, rotated = os.stat(log.path).st_ino, f"{log.path}.{turn + 1:05d}"
        os.rename(log.path, rotated)
        lines.gzip_copy(rotated, rotated + ".gz.new")
        os.rename(rotated + ".gz.new", rotated + ".gz")
        os.unlink(rotated)
        log.write(world.random.choice((1, 20, 40)))
        reused += os.stat(log.path).st_ino == before
    settle(server, [(0, log.next)], agent=agent, what=name)
    agent.stop()
    server.stop()
    return f"{name}: {reused} of {cycles} reused"


def on_file_system(world, kind, cycles):
    try:
        with mounted(world, kind) as directory:
            return reuse_cycles(world, directory, cycles, kind)
    except OSError as e:
        return f"{kind}: {SKIPPED}{e}"


@scenario("1,000 cycles on ext4, xfs, tmpfs and overlay: 0 lost, 0 stored twice", limit=90,
          build="release")
def r07_inode_reuse(world):
    """A new log gets the inode of the one that was just compressed away."""
    why = private_mounts()
    if why:
        return SKIPPED + why
    cycles = figure(25, 1000)
    return ", ".join(on_file_system(world, kind, cycles) for kind in ("ext4", "tmpfs", "xfs", "overlay"))


class Rewritten:
    """A log of 100 lines that becomes another one under the same inode: of `size` lines, with the same
    first line or not."""

    def __init__(self, world, at, alike, size):
        self.log = lines.Log(os.path.join(world.mkdir("logs"), f"w{at}.log"), first=at * 1000, tag="r08")
        self.first, self.size = at * 1000, size
        self.head = self.log.text(1)
        with open(self.log.path, "w", encoding="ascii") as f:
            f.write(self.head + self.log.text(99))
        if not alike:
            self.head = ""

    def rewrite(self):
        with open(self.log.path, "r+", encoding="ascii") as f:  # the same inode
            f.truncate(0)
            f.write(self.head + self.log.text(self.size))

    @property
    def range(self):
        return self.first, self.log.next


@scenario("12 ways to rewrite a log under an agent, stopped or running: 0 lost, 0 stored twice")
def r08_truncated_and_rewritten(world):
    """Truncated and rewritten to a larger, an equal or a smaller size, beginning alike or not, while the
    agent is away or looks: what is new is read, what is old is not read again."""
    server, sink = world.server().start(), FastSink(world)
    kinds = [(alike, size) for alike in (False, True) for size in (20, 100, 300)]
    files = [Rewritten(world, at, *kind) for at, kind in enumerate(kinds * 2)]
    agents = [world.agent(d, name, files=world.path("logs") + "/w*.log")
              for d, name in ((server, "a"), (sink, "b"))]

    def settled(what):
        return [settle(d, [f.range for f in files], agent=a, what=f"{what}, {a.name}")
                for d, a in zip((server, sink), agents)][1]
    for agent in agents:
        agent.start()
    settled("before")
    for agent in agents:
        agent.stop()
    for file in files[:len(kinds)]:
        file.rewrite()
    for agent in agents:
        agent.start()
    settled("rewritten while the agents were away")
    for file in files[len(kinds):]:
        file.rewrite()
    again = settled("rewritten under running agents")
    alike = sum(1 for f in files if f.head)
    check(again <= alike, f"{again} records came again; {alike} first lines were written again")
    for agent in agents:
        agent.stop()
    return f"{len(files)} of {len(files)}, 0 lost, 0 twice"


def many_files(world, files, count, run):
    """Most of each file's lines, a part of them just before real logrotate comes over all; and the rest."""
    server = world.server(name=f"server{run}").start()
    directory = world.mkdir(f"logs{run}")
    pattern = os.path.join(directory, "site{}.access.log")
    options = dict(files=files, stride=count, per_write=50, rate=0, density=1000)
    part = count // 3
    parts = [Writer(world, pattern, count=part, **options).finish(120)]
    agent = world.agent(server, f"agent{run}", files=directory + "/site*.access.log").start()
    settle(server, parts[0].ranges(), seconds=figure(25, 300), what="the first lines")
    parts.append(Writer(world, pattern, count=part, first=part, **options).finish(120))
    logrotate(world, f"r09.{run}", directory + "/*.access.log", ["rotate 3", "create 0640"])
    parts.append(Writer(world, pattern, count=count - 2 * part, first=2 * part, **options).finish(120))
    settle(server, sorted(r for p in parts for r in p.ranges()), seconds=figure(25, 300), agent=agent)
    agent.stop()
    server.stop()
    return files * count


@scenario("1,000 files x 1,100 lines, logrotate in the middle, 20 times: 1,100,000 each time",
          full_limit=3600, build="release")
def r09_many_files_rotated(world):
    """The case of rsyslog#3758, where a hundred lines are lost."""
    runs = figure(1, 20)
    done = [many_files(world, figure(150, 1000), figure(110, 1100), run) for run in range(runs)]
    return f"{runs} runs of {done[0]} lines, 0 lost, 0 twice"
