"""Crash at named points (parsers/base/fault.h): wherever a program dies, no line is lost or doubled.

Needs a build with SAN=1, which has the fault points.
"""
import os
import time

import lines
from harness import wait_stored, wait_sunk
from proc import CRASHED, check, wait_for

SPOOL_POINTS = ("spool.before_write", "spool.after_write", "spool.after_fsync", "spool.after_rename",
                "spool.before_unlink", "spool.after_unlink")
POSITION_POINTS = ("positions.after_write", "positions.after_fsync", "positions.after_rename")
UPLINK_POINTS = ("uplink.before_send", "uplink.after_answer")
STORE_POINTS = ("store.begin", "store.before_commit", "store.after_commit")
PASSES = (1, 2, 4)


def wait_crash(proc, point):
    wait_for(lambda: not proc.alive(), 30, f"a crash at {point}")
    check(proc.child.returncode == CRASHED,
          f"{point}: ended with {proc.child.returncode}:\n{proc.text()[-1500:]}")


def agent_points(world, points, passes, destination, log, agent):
    """Crashes the running agent at each point and pass; lines keep coming."""
    for point in points:
        for nth in passes:
            agent.start(fault=f"crash:{point}:{nth}")
            end = time.monotonic() + 30
            while agent.proc.alive() and time.monotonic() < end:
                log.write(200)
                time.sleep(0.1)
            wait_crash(agent.proc, f"{point}:{nth}")
    agent.start()


def test_positions(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server)
    agent_points(world, POSITION_POINTS, PASSES[:2], server, log, agent)
    wait_stored(server, log.written)


def test_uplink(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server)
    agent_points(world, UPLINK_POINTS, PASSES, server, log, agent)
    wait_stored(server, log.written)


def test_spool_filling(world):
    """While the server is down, batches go to the spool; the agent dies in the middle of that."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()  # so that it knows the token's sites
    wait_stored(server, log.written)
    agent.stop()
    server.stop()
    agent_points(world, SPOOL_POINTS[:4], PASSES[:2], server, log, agent)
    server.start()
    wait_stored(server, log.written)


def test_spool_draining(world):
    """The server is back, spooled batches are delivered and unlinked; the agent dies in the middle."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    agent.stop()
    for point in SPOOL_POINTS[4:]:
        for nth in PASSES[:2]:
            server.stop()
            agent.start()
            for _ in range(6):
                log.write(500)
                time.sleep(0.3)
            wait_for(lambda: agent.state_files("spool"), 30, "a spooled batch")
            agent.kill()
            server.start()
            agent.start(fault=f"crash:{point}:{nth}")
            end = time.monotonic() + 30
            while agent.proc.alive() and time.monotonic() < end:
                log.write(20)
                time.sleep(0.1)
            wait_crash(agent.proc, f"{point}:{nth}")
    agent.start()
    wait_stored(server, log.written)
    wait_for(lambda: not agent.state_files("spool"), 20, "an empty spool")


def test_server_store(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    for point in STORE_POINTS:
        for nth in PASSES:
            server.kill()
            server.start(fault=f"crash:{point}:{nth}")
            end = time.monotonic() + 40
            while server.proc.alive() and time.monotonic() < end:
                log.write(100)
                time.sleep(0.1)
            wait_crash(server.proc, f"{point}:{nth}")
            server.start()
    wait_stored(server, log.written)
    agent.stop()


def test_backfill_points(world):
    """The points of a backfill's own state."""
    sink, server = world.sink(), world.server().start()
    directory = world.mkdir("history")
    numbers = range(20000)
    for i in range(4):
        lines.Log(os.path.join(directory, f"a.log.{i + 1}"), first=i * 5000, tag=f"f{i}").write(5000)
    for destination, name in ((server, "to-server"), (sink, "to-sink")):
        agent = world.agent(destination, name)
        for point in POSITION_POINTS + UPLINK_POINTS:
            proc = agent.start_backfill("--source", "web", directory, fault=f"crash:{point}:1")
            code = proc.wait(60)
            check(code in (0, CRASHED), f"{point}: ended with {code}:\n{proc.text()[-1500:]}")
        agent.backfill("--source", "web", directory)
    wait_stored(server, numbers)
    wait_sunk(sink, numbers)
