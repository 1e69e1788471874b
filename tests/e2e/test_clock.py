"""The wall clock jumps (R21): timers go by another clock, and a line's time is in the line. Needs SAN=1."""
import os
import time

import lines
from harness import wait_stored, wait_sunk
from proc import check, wait_for

DAY = 86400
JUMPS = (-DAY, DAY, 3653 * DAY, 0, -time.time() + 5, 0)


def generations(agent):
    found = []
    for name in ("positions.a", "positions.b"):
        path = os.path.join(agent.state, name)
        if os.path.exists(path):
            with open(path, "rb") as f:
                found.append(f.read(200).split(b"\n")[1])
    return found


def wait_saved(agent, log, what):
    """Lines, and the positions that say they are delivered."""
    before = generations(agent)
    log.write(20)
    wait_for(lambda: generations(agent) != before, 10, f"positions to be saved {what}")


def live_through(world, to, wait):
    """Lines are delivered promptly after each jump, over an outage and over a restart."""
    clock = world.clock()
    server = to(world)
    log = lines.Log(world.path("access.log"))
    log.write(20)
    agent = world.agent(server).start()
    wait(server, log.written, 20)
    for jump in JUMPS:
        clock.set(jump)
        log.write(20)
        wait(server, log.written, 12, f"delivery after a jump to {jump:+.0f} s")
        clock.set(jump + 60)  # and while something is under way
        log.write(20)
        wait(server, log.written, 12, f"delivery after a jump to {jump + 60:+.0f} s")
        wait_saved(agent, log, f"after a jump to {jump + 60:+.0f} s")
    clock.set(JUMPS[4])  # a machine that boots in 1970
    agent.stop()
    agent.start()
    log.write(20)
    wait(server, log.written, 20, "delivery in 1970")
    wait_saved(agent, log, "in 1970")
    agent.stop()


def test_into_server(world):
    live_through(world, lambda w: w.server().start(), wait_stored)


def test_into_sink(world):
    again = []

    def wait(sink, numbers, seconds, what="delivery"):
        again.append(wait_sunk(sink, numbers, seconds, what))

    live_through(world, lambda w: w.sink(), wait)
    check(again[-1] == 0, f"{again[-1]} lines were sent twice")


def test_messages_keep_their_distance(world):
    """One a minute, whatever the wall clock does: one that jumps on brings no second message, so one that is
    set back silences none."""
    clock = world.clock()
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(20)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    sink.mood = 503
    log.write(20)
    agent.proc.wait_event("destination_unwell")
    before = len(sink.requests)
    clock.set(DAY)
    wait_for(lambda: len(sink.requests) >= before + 4, 30, "four more attempts")
    told = agent.proc.events("destination_unwell")
    check(len(told) == 1, f"{len(told)} messages within a minute")
    agent.stop()
