"""kill -9 at random moments: every line is stored exactly once, and little is sent again."""
import os
import threading
import time
from bisect import bisect_left, bisect_right

import lines
from harness import check_nothing_lost, expected, wait_stored, wait_sunk
from proc import check, wait_for, within
from sink import number_of

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


def killed_backfill(world, destination, directory, victim):
    """Backfills `directory`, killing `victim` KILLS times; returns the moments of the kills."""
    agent = world.agent(destination)
    moments = []
    while True:
        proc = agent.start_backfill("--source", "web", "--rate", str(RATE), directory)
        if len(moments) >= KILLS:
            code = proc.wait(120)
            check(code == 0, f"the last backfill ended with {code}:\n{proc.text()[-2000:]}")
            return moments
        time.sleep(world.random.uniform(0.01, 0.7))
        if victim == "agent":
            if not proc.alive():  # it was done before the kill: nothing left to interrupt
                check(proc.child.returncode == 0, f"backfill failed:\n{proc.text()[-2000:]}")
                return moments
            proc.kill()
            moments.append(time.monotonic())
            continue
        while len(moments) < KILLS and proc.alive():
            destination.kill()
            moments.append(time.monotonic())
            destination.start()
            time.sleep(world.random.uniform(0.02, 0.4))
        check(proc.wait(180) == 0, f"backfill failed:\n{proc.text()[-2000:]}")
        return moments


def sent_again_bound(sink, moments):
    """How many repeats the kills may cause: for each, what was acknowledged for the first time since
    the positions were last due, what was under way and came to be acknowledged after it, and what came
    again just before it, so that the save it caused was not on the disk.
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
    directory, numbers = history(world, 120000)
    kills = killed_backfill(world, server, directory, "agent")
    wait_stored(server, numbers)
    print(f"{len(kills)} kills")


def test_server_killed_during_backfill(world):
    server = world.server().start()
    directory, numbers = history(world, 120000)
    kills = killed_backfill(world, server, directory, "server")
    wait_stored(server, numbers)
    print(f"{len(kills)} kills")


def test_agent_killed_during_backfill_into_sink(world):
    """Without the server's deduplication: nothing lost, and no more again than was in flight."""
    sink = world.sink()
    directory, numbers = history(world, 400000)
    kills = killed_backfill(world, sink, directory, "agent")
    again = wait_sunk(sink, numbers)
    bound = sent_again_bound(sink, kills)
    check(again <= bound, f"{again} records came again over {len(kills)} kills; at most {bound} were in flight")
    print(f"{len(kills)} kills, {again} again, bound {bound}")


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
    moments = []
    for _ in range(KILLS):
        time.sleep(world.random.uniform(0.05, 0.9))
        agent.kill()
        moments.append(time.monotonic())
        agent.start()
    writer.stop()
    again = wait_sunk(sink, log.written)
    bound = sent_again_bound(sink, moments)
    check(again <= bound, f"{again} records came again over {KILLS} kills; at most {bound} were in flight")
    print(f"{KILLS} kills, {len(log.written)} lines, {again} again, bound {bound}")


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
