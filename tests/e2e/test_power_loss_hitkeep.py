"""The power fails while records go to a HitKeep one by one, which stores again what comes again: no record
is lost, and what is sent twice was on its way. As test_power_loss.py, with the notes of what was sent, the
parked parts and the keys of visitors. Needs SAN=1.
"""
import os
import shutil
import time
from collections import Counter

import lines
from harness import SITE, expected
from hitkeep import HitKeep
from proc import CRASHED, Proc, check, wait_for
from test_power_loss import SEEDS, agent_seeds, without_syncs

import agent_state
import disk as disks
import journal

OTHER = "other.example"
AT_ONCE = 4


class Run:
    """An agent with a HitKeep that is slow, down for a while, and closes one of two sites for a while."""

    def __init__(self, world):
        self.world = world
        self.directory = world.mkdir("agent")
        self.fake = HitKeep(sites=(SITE, OTHER))
        world.sinks.append(self.fake)
        base = int(time.time()) - 900
        self.logs = [lines.Log(os.path.join(self.directory, f"{site}.log"), first=i * 10**4, base=base - i * 1000)
                     for i, site in enumerate((SITE, OTHER))]
        self.state = os.path.join(self.directory, "state")
        self.journal = os.path.join(self.directory, "journal")
        self.kills = []  # ns
        token = world.write("token", self.fake.token + "\n")
        self.config = world.write("agent/agent.yaml", f"""node: agent
destinations:
  hk: {{url: '{self.fake.url}', token_file: {token}, protocol: hitkeep, send: [pageview, ai_fetch],
       rate: {{ai_fetch: 10000, pageview: 10000}}}}
sites:
  - {{hosts: [{SITE}], site: {SITE}}}
  - {{hosts: [{OTHER}], site: {OTHER}}}
sources:
  web: {{files: '{self.directory}/{{host}}.log', format: nginx_combined, start: all}}
""")
        self.proc = None

    def start(self, fault="", state=None, journalled=True, name="agent"):
        env = {"STATE_DIRECTORY": state or self.state, "RUNTIME_DIRECTORY": self.directory,
               "LOGFERRY_FAULT": fault, "LOGFERRY_JOURNAL": self.journal if journalled else ""}
        self.proc = Proc([self.world.agent_bin, "--config", self.config, "run"], self.directory, name, env)
        wait_for(lambda: self.proc.events("started") or not self.proc.alive(), 20, "the agent's start")

    def write(self, times, each=20):
        for _ in range(times):
            for log in self.logs:
                log.write(each)
            time.sleep(0.1)

    def crash_at(self, fault):
        self.start("crash:" + fault)
        self.write(3)
        check(self.proc.wait(40) == CRASHED, f"no crash at {fault}:\n{self.proc.text()[-1000:]}")
        self.kills.append(time.monotonic_ns())

    def numbers(self):
        return [n for log in self.logs for n in log.written]

    def wait_delivered(self):
        want = set(expected(self.numbers()))
        wait_for(lambda: want <= set(self.fake.numbers()), 60, "every record", 0.2)

    def story(self):
        self.fake.delay = 0.004
        self.start()
        self.write(4)
        self.fake.granted = {SITE}
        self.write(4)
        self.fake.mood = 503
        self.write(3)
        self.proc.stop()
        self.fake.mood = None
        self.crash_at("singles.after_answer:60")
        self.crash_at("park.after_write:1")
        self.crash_at("sent.after_write:40")
        self.fake.granted = {SITE, OTHER}
        self.start()
        self.write(2)
        self.wait_delivered()
        wait_for(lambda: not os.listdir(os.path.join(self.state, "parked")), 20, "the shelf to be empty", 0.1)
        self.proc.stop()


class Judge:
    """Knows where each record lies, when the HitKeep stored it, and which key its visitors had."""

    def __init__(self, run):
        self.run = run
        self.stored = [(int(moment * 1e9), kind, n)
                       for (moment, _, r) in run.fake.records for kind, n in [(r["k"], number(r))]]
        self.pages = min(ns for ns, kind, _ in self.stored if kind == lines.PAGEVIEW)
        self.lines = []  # (number, stream, offset) of the lines that make records
        for log in run.logs:
            with open(log.path, "rb") as f:
                text = f.read().splitlines(keepends=True)
            stream, offset = agent_state.hash128(text[0].rstrip(b"\n")).hex(), 0
            for n, line in zip(log.written, text):
                if lines.kind(n) != lines.SKIP:
                    self.lines.append((n, stream, offset))
                offset += len(line)
        with open(os.path.join(run.state, "visitor.keys"), "rb") as f:
            self.keys = agent_state.visitor_keys(f.read())
        check(self.keys, "no visitor has a key")

    def problem(self, files, ns):
        """A sentence when an agent that starts on this disk loses a record, or sends too many twice."""
        prefix = os.path.relpath(self.run.state, self.run.directory) + "/"
        state = {p[len(prefix):]: c for p, c in files.items() if p.startswith(prefix)}
        had = Counter(n for when, _, n in self.stored if when < ns)
        to_come = self.to_come(state)
        lost = [n for n, _, _ in self.lines if n not in had and n not in to_come]
        if lost:
            return f"record {lost[0]} and {len(lost) - 1} more are stored nowhere and will not be sent"
        twice = sum((had + to_come).values()) - len(had | to_come)
        allowed = AT_ONCE * (1 + sum(k < ns for k in self.run.kills))
        if twice > allowed:
            return f"{twice} records are stored twice or will be, {allowed} may"
        keys = agent_state.visitor_keys(state.get("visitor.keys") or b"")
        if self.pages < ns and keys != self.keys:
            return "the keys of visitors are gone, and were used"
        return None

    def to_come(self, state):
        """What it will send, how often."""
        found = agent_state.newest(state) or {"safe": {}, "done": {}}
        safe = {s: list(r) for s, r in found["safe"].items()}
        shelves = {name: agent_state.shelf(state, name) for name in ("spool", "parked")}
        parts = {b["id"] for _, b in shelves["parked"]}
        numbers = Counter()
        for name, batches in shelves.items():
            for seq, batch in batches:
                for stream, a, b in batch["spans"]:
                    safe.setdefault(stream, []).append((a, b))
                done = name == "spool" and agent_state.holds(found["done"].get("hk", []), seq)
                if done or agent_state.part_id(batch["id"], "parked") in parts:
                    continue
                notes = agent_state.notes(state.get(f"{name}/{seq:016x}.hk.sent") or b"", batch["id"])
                numbers.update(number(r) for i, r in enumerate(batch["records"], 2) if i not in notes)
        numbers.update(n for n, stream, at in self.lines if not agent_state.holds(safe.get(stream, []), at))
        return numbers


def number(record):
    return int((record.get("url") or record["path"]).rsplit("/", 1)[1])


def without_syncs_of(records, suffix):
    """The journal of a program that does not sync the files with these names."""
    names = {r.object: r.path for r in records if r.operation == journal.OPEN}
    return [r for r in records if r.operation != journal.SYNC or not names.get(r.object, "").endswith(suffix)]


def go_on_from(run, judge, files, ns, i):
    """The real agent on that disk, with the logs as they are by now."""
    again = os.path.join(run.directory, f"after.{i}")
    disks.build(files, again)
    had = Counter(n for when, _, n in judge.stored if when < ns)
    run.fake.records, run.fake.delay = [], 0
    run.start(state=os.path.join(again, "state"), journalled=False, name=f"after.{i}")
    want = {n for n, _, _ in judge.lines}
    wait_for(lambda: want <= set(had) | {n for _, n in run.fake.numbers()}, 60, f"disk {i}: every record", 0.2)
    run.proc.stop()
    had.update(n for _, n in run.fake.numbers())
    twice = sum(had.values()) - len(had)
    allowed = AT_ONCE * (1 + sum(k < ns for k in run.kills))
    check(twice <= allowed, f"disk {i}: {twice} records are stored twice, {allowed} may be")
    shutil.rmtree(again)


def test_hitkeep(world):
    run = Run(world)
    run.story()
    records = journal.read(run.journal)
    judge = Judge(run)
    began, seed = time.monotonic(), world.random.randrange(10**9)
    bad, first = agent_seeds(run, judge, records, SEEDS, seed, go_on_from)
    check(not bad, first)
    seconds = time.monotonic() - began
    lame = {"directories": without_syncs(records, run.directory, True),
            "files": without_syncs(records, run.directory, False), "notes": without_syncs_of(records, ".sent"),
            "keys": without_syncs_of(records, "visitor.keys.new")}
    caught = {what: agent_seeds(run, judge, left, 100, seed)[0] for what, left in lame.items()}
    check(all(caught.values()), f"without syncs nothing was lost, or sent twice: {caught}")
    print(f"{SEEDS} disks of {len(records)} calls in {seconds:.1f} s; of 100 without syncs lose records, repeat "
          f"them, or lose keys: {caught}")


test_hitkeep.limit = 900 if os.environ.get("E2E_FULL") == "1" else 240
