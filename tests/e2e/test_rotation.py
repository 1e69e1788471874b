"""A rotated log loses no line: real nginx, real logrotate (rename, create, USR1)."""
import os
import time

import lines
from harness import Nginx, check_exactly_once, expected, skipped, wait_stored
from proc import check, wait_for


def test_tail_through_rotations(world):
    """The tail follows the log through rotations while requests go on, and the ledger accounts for
    every line."""
    server, web = world.server().start(), Nginx(world)
    agent = world.agent(server, files=web.log).start()
    for n in range(1500):
        web.get(n)
        if n == 50:  # from now on the file is followed
            wait_stored(server, web.asked)
        if n in (300, 700, 701, 1200):
            web.rotate()
    wait_stored(server, web.asked)
    ledger = agent.ledger()
    check(ledger["lines"] == 1500 and ledger["skipped"] == skipped(web.asked),
          f"1500 lines, {skipped(web.asked)} to skip; ledger: {ledger}")
    agent.stop()
    check(server.count() == len(expected(web.asked)), "stopping stored something more")


def test_first_start_beside_rotated_files(world):
    """What was rotated before the agent came is not read, and after a restart it is not either."""
    server, web = world.server().start(), Nginx(world)
    for n in range(60):
        web.get(n)
        if n in (20, 40):
            web.rotate(compress=n == 20)
    agent = world.agent(server, files=web.log).start()
    agent.wait_first_look()
    for end in (agent.stop, agent.kill, agent.stop):
        first = web.asked[-1] + 1
        for n in range(first, first + 20):
            web.get(n)
        wait_stored(server, web.asked[41:])
        end()
        agent.start()
    agent.stop()


def test_agent_stopped_during_rotations(world):
    """What was written to files that were rotated and compressed while the agent was down is read
    when it is back."""
    server, web = world.server().start(), Nginx(world)
    agent = world.agent(server, files=web.log).start()
    for n in range(200):
        web.get(n)
    wait_stored(server, range(200))
    agent.stop()
    for n in range(200, 500):
        web.get(n)
        if n in (250, 350, 420):
            web.rotate(compress=True, delay=n == 420)
    agent.start()
    wait_stored(server, web.asked, what="lines of rotated and compressed files")
    for n in range(500, 600):
        web.get(n)
    wait_stored(server, web.asked, what="lines after the restart")
    duplicate = agent.ledger().get("duplicate", 0)
    check(duplicate == 0, f"{duplicate} duplicates after a clean stop")


def test_killed_during_rotation(world):
    """The same with kill -9 instead of a clean stop. (Always compressed: changing its mind, logrotate would
    write over access.log.1, which a late agent has not read.)"""
    server, web = world.server().start(), Nginx(world)
    agent = world.agent(server, files=web.log).start()
    for n in range(1000):
        web.get(n)
        if n == 50:
            wait_stored(server, web.asked)
        if n % 200 == 100:
            agent.kill()
        if n % 200 == 120:
            web.rotate(compress=True)
        if n % 200 == 140:
            agent.start()
    wait_stored(server, web.asked)


def test_killed_in_its_first_second(world):
    """A new agent dies before its positions were ever due, and the log is rotated before it is back."""
    server, web = world.server().start(), Nginx(world)
    agent = world.agent(server, files=web.log).start()
    web.get(0)
    wait_stored(server, web.asked)
    agent.kill()
    for n in range(1, 100):
        web.get(n)
    web.rotate()
    agent.start()
    for n in range(100, 150):
        web.get(n)
    wait_stored(server, web.asked, 20)


def test_compressed_twin_adds_nothing(world):
    """A file that was tailed and then compressed is the same stream: backfilling the .gz stores
    nothing, and says that all of it was there."""
    server, web = world.server().start(), Nginx(world)
    agent = world.agent(server, files=web.log).start()
    for n in range(400):
        web.get(n)
    wait_stored(server, web.asked)
    web.rotate(compress=True)
    web.get(400)
    wait_stored(server, web.asked, what="the line after the rotation")
    agent.stop()
    twins = [f for f in os.listdir(os.path.dirname(web.log)) if f.endswith(".gz")]
    check(len(twins) == 1, f"logrotate made {twins}")
    ledger = agent.backfill("--source", "web", os.path.join(os.path.dirname(web.log), twins[0]))
    check_exactly_once(expected(web.asked), server.numbers(), "after the twin")
    want = len(expected(range(400)))
    check(ledger["duplicate"] == want, f"{want} duplicates expected: {ledger}")


def test_rotation_storm(world):
    """Rename-and-create twenty times a second under a steady writer."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"), tag="storm")
    log.write(1)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    for turn in range(1, 61):
        log.write(50)
        time.sleep(0.05)
        os.rename(log.path, f"{log.path}.{1000 - turn}")
        log.write(3)
    wait_stored(server, log.written)
    agent.stop()


def test_truncated_in_place(world):
    """copytruncate: what was read before the truncation and what is written after it is stored;
    the rewritten file is a stream of its own."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(300)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    os.truncate(log.path, 0)
    log.write(40)
    wait_stored(server, log.written, what="lines after a truncation")
    agent.stop()
    # Down while the file is truncated and rewritten to a larger size: the head tells.
    os.truncate(log.path, 0)
    log.write(900)
    agent.start()
    wait_stored(server, log.written, what="lines of a rewritten file")


def test_log_that_appears_later(world):
    """A glob without a match is waited for."""
    server = world.server().start()
    agent = world.agent(server, files=world.mkdir("logs") + "/*.access.log").start()
    wait_for(lambda: any("match" in str(e) for e in agent.proc.events()), 10, "a word on the empty glob")
    log = lines.Log(world.path("logs", "late.access.log"))
    log.write(50)
    wait_stored(server, log.written)
