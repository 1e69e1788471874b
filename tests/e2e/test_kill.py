"""kill -9 at random moments: every line is stored exactly once, and little is sent again."""
import os
import sys
import threading
import time
from bisect import bisect_left, bisect_right

import lines
from harness import check_nothing_lost, expected, wait_stored, wait_sunk
from proc import check, wait_for, within
from sink import number_of

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../powerloss"))
import agent_state  # noqa: E402 (after the path)

KILLS = int(os.environ.get("E2E_KILLS", "12"))
# Positions are written at most once a second; a sanitizer build on a busy machine is late.
WINDOW_S, FLYING_S = 1.5, 0.5
SAVING_S = 0.4  # until the first of a life is on such a disk
RATE = 8000  # lines a second of a backfill, so that there is something to interrupt


class Writer(threading.Thread):
    """Appends about `rate` lines a second until told to stop."""

    def __init__(self, log, rate=1500):
        super().__init__(daemon=True)
        self.log, self.rate, self.over = log, rate, False
        self.start()

    def run(self):
        while not self.over:
            self.log.write(self.rate // 50)
            time.sleep(0.02)

    def stop(self):
        self.over = True
        self.join()


def history(world, count, files=4):
    """`count` numbered lines in several plain files and their directory."""
    directory = world.mkdir("history")
    each = count // files
    for i in range(files):
        lines.Log(os.path.join(directory, f"access.log.{i + 1}"), first=i * each, tag=f"file{i}").write(each)
    return directory, range(each * files)


def safe_positions(agent):
    """{stream: [(from, to)]} of what the positions of an agent, or of its backfill, hold to be safe."""
    files = {}
    for path in agent.state_files():
        if os.path.basename(path) in ("positions.a", "positions.b"):
            with open(path, "rb") as f:
                files[os.path.basename(path)] = f.read()
    found = agent_state.newest(files)
    return found["safe"] if found else {}


def wait_for_a_save(agent, proc):
    """Until the positions on the disk are not those of now; false when the process ended before."""
    before = safe_positions(agent)
    return wait_for(lambda: not proc.alive() or safe_positions(agent) != before, 20,
                    "positions that tell of what was delivered") and proc.alive()


def killed_backfill(world, destination, directory, victim):
    """Backfills `directory`, killing `victim` KILLS times, the agent once after it has saved; returns
    [(moment, what was safe)] of the kills."""
    agent = world.agent(destination)
    kills = []
    while True:
        last = len(kills) >= KILLS
        proc = agent.start_backfill("--source", "web", *(() if last else ("--rate", str(RATE))), directory)
        if last:
            code = proc.wait(120)
            check(code == 0, f"the last backfill ended with {code}:\n{proc.text()[-2000:]}")
            return kills
        time.sleep(world.random.uniform(0.01, 0.7))
        if victim == "agent":
            saved = len(kills) != KILLS // 2 or wait_for_a_save(agent, proc)
            if not saved or not proc.alive():  # it was done before the kill: nothing left to interrupt
                check(proc.wait(20) == 0, f"backfill failed:\n{proc.text()[-2000:]}")
                return kills
            proc.kill()
            kills.append((time.monotonic(), safe_positions(agent)))
            continue
        # A backfill gives up on a server that has never answered.
        wait_for(lambda: destination.count() or not proc.alive(), 30, "the first records")
        while len(kills) < KILLS and proc.alive():
            destination.kill()
            kills.append((time.monotonic(), {}))
            destination.start()
            time.sleep(world.random.uniform(0.02, 0.4))
        check(proc.wait(180) == 0, f"backfill failed:\n{proc.text()[-2000:]}")
        return kills


def check_sent_again(sink, kills, again):
    """What the positions held to be safe at a kill never comes again, however slow the machine; and positions
    came to be saved. With E2E_FULL=1, which wants a machine at rest, also not more than a second's records."""
    check(any(safe for _, safe in kills), "no kill found positions: this shows nothing")
    moments = [moment for moment, _ in kills]
    for (moment, _, _), (stream, at, _) in zip(sink.records, sink.keys):
        before = kills[:bisect_left(moments, moment)]
        safe = [x for _, positions in before for x in positions.get(stream, ())]
        check(not any(a <= at < b for a, b in safe), f"{stream} at {at} was safe, and came after kill {len(before)}")
    bound = sent_again_bound(sink, moments)
    check(os.environ.get("E2E_FULL") != "1" or again <= bound,
          f"{again} records came again over {len(kills)} kills; at most {bound} were in flight")
    print(f"{len(kills)} kills, {again} again, {bound} were in flight")


def sent_again_bound(sink, moments):
    """How many repeats the kills may cause on a machine at rest: for each, what was acknowledged for the first
    time since the positions were last due, what was under way and came to be acknowledged after it, and what
    came again just before it, so that the save it caused was not on the disk.
    (Counting all of the longer time would not tell an agent that saves nothing in a short life, and so
    sends everything again after each kill.)"""
    seen, bound, kills = set(), 0, sorted(moments)
    for moment, _, record in sink.records:
        key = (record["k"], number_of(record))
        window = SAVING_S if key in seen else WINDOW_S
        seen.add(key)
        bound += bisect_right(kills, moment + window) - bisect_left(kills, moment - FLYING_S)
    return bound


def test_agent_killed_during_backfill(world):
    server = world.server().start()
    directory, numbers = history(world, 80000)
    kills = killed_backfill(world, server, directory, "agent")
    wait_stored(server, numbers)
    print(f"{len(kills)} kills")


def test_server_killed_during_backfill(world):
    server = world.server().start()
    directory, numbers = history(world, 80000)
    kills = killed_backfill(world, server, directory, "server")
    wait_stored(server, numbers)
    print(f"{len(kills)} kills")


def test_agent_killed_during_backfill_into_sink(world):
    """Without the server's deduplication: nothing lost, and nothing again that was safe."""
    sink = world.sink()
    directory, numbers = history(world, 80000)
    kills = killed_backfill(world, sink, directory, "agent")
    check_sent_again(sink, kills, wait_sunk(sink, numbers))


def test_agent_killed_while_tailing(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    writer = Writer(log)
    agent = world.agent(server).start()
    for _ in range(KILLS):
        time.sleep(world.random.uniform(0.05, 0.9))
        agent.kill()
        agent.start()
    writer.stop()
    wait_stored(server, log.written)
    duplicate = agent.ledger().get("duplicate", 0)
    print(f"{KILLS} kills, {len(log.written)} lines, {duplicate} duplicates at the end")


def test_server_killed_while_tailing(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    writer = Writer(log)
    agent = world.agent(server).start()
    for _ in range(KILLS):
        time.sleep(world.random.uniform(0.05, 0.7))
        server.kill()
        time.sleep(world.random.uniform(0.0, 0.2))
        server.start()
    writer.stop()
    wait_stored(server, log.written)
    agent.stop()


def test_both_killed_while_tailing_and_rotating(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    agent = world.agent(server).start()
    for turn in range(KILLS):
        log.write(world.random.randrange(1, 2000))
        time.sleep(world.random.uniform(0.0, 0.5))
        if turn % 3 == 0:
            server.kill()
        if turn % 2 == 0:
            agent.kill()
        if turn % 4 == 1:
            os.rename(log.path, f"{log.path}.{turn}")
        log.write(world.random.randrange(1, 500))
        if turn % 3 == 0:
            server.start()
        if turn % 2 == 0:
            agent.start()
    wait_stored(server, log.written)


def test_agent_killed_while_tailing_into_sink(world):
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    writer = Writer(log)
    agent = world.agent(sink).start()
    kills = []
    for turn in range(KILLS):
        time.sleep(world.random.uniform(0.05, 0.9))
        check(turn % 4 != 3 or wait_for_a_save(agent, agent.proc), "the agent ended")
        agent.kill()
        kills.append((time.monotonic(), safe_positions(agent)))
        agent.start()
    writer.stop()
    check_sent_again(sink, kills, wait_sunk(sink, log.written))


def test_clean_stops_send_nothing_again(world):
    """SIGTERM instead of SIGKILL: not one record twice, even into the sink, and at most 5 s."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(10)
    writer = Writer(log)
    agent = world.agent(sink).start()
    for _ in range(5):
        time.sleep(world.random.uniform(0.3, 0.9))
        began = time.monotonic()
        agent.stop()
        took = time.monotonic() - began
        check(took < within(5.5), f"SIGTERM took {took:.1f} s")
        agent.start()
    writer.stop()
    again = wait_sunk(sink, log.written)
    check(again == 0, f"{again} records came again after clean stops")
    agent.stop()


def test_answers_that_get_lost(world):
    """A connection reset after the records were taken: they are sent again under the same batch id,
    with the same bytes, which is what lets a server know them."""
    sink = world.sink()
    sink.mood = "reset_after"
    log = lines.Log(world.path("access.log"))
    log.write(300)
    agent = world.agent(sink).start()
    wait_for(lambda: len(sink.headers) >= 2, 20, "a second attempt")
    sink.mood = None
    time.sleep(0.5)
    wait_sunk(sink, log.written)
    agent.stop()
    bodies = {}
    for batch, records in ((b, r) for _, b, r in sink.records):
        bodies.setdefault(batch, []).append((records["k"], records["at"], records["h"]))
    for batch, rows in bodies.items():
        distinct = len(set(rows))
        check(len(rows) % distinct == 0, f"batch {batch} came with different records")
    unique = {row for rows in bodies.values() for row in rows}
    total = sum(len(set(rows)) for rows in bodies.values())
    check(total == len(unique), "a record came under two batch ids")
    check_nothing_lost(expected(log.written), dict.fromkeys(sink.numbers()), "lost answers")
