"""SIGHUP: a good configuration takes over, a bad one changes nothing, and no line is lost or doubled."""
import signal
import time

import lines
from harness import wait_stored
from proc import check, wait_for


def test_bad_configuration_changes_nothing(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    with open(agent.config, encoding="ascii") as f:
        good = f.read()
    world.write("agent.yaml", good + "no_such_key: 1\n")
    agent.proc.signal(signal.SIGHUP)
    wait_for(lambda: "no_such_key" in agent.proc.text(), 10, "a word about the bad key")
    log.write(100)
    wait_stored(server, log.written, what="lines after a refused reload")
    world.write("agent.yaml", good)
    agent.proc.signal(signal.SIGHUP)
    agent.proc.wait_event("started", 10, 2)
    log.write(100)
    wait_stored(server, log.written, what="lines after a good reload")
    agent.stop()


def test_new_source(world):
    server = world.server().start()
    first, second = lines.Log(world.path("access.log")), lines.Log(world.path("second.log"), first=5000)
    first.write(100)
    second.write(100)
    agent = world.agent(server).start()
    wait_stored(server, first.written)
    agent.sources["second"] = {"files": second.path, "format": "nginx_combined"}
    agent.configure()
    agent.proc.signal(signal.SIGHUP)
    wait_stored(server, first.written + second.written)
    agent.stop()


def test_reloads_under_load(world):
    """Into the sink without deduplication: a reload is a clean stop and start, so nothing comes twice."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    for _ in range(10):
        agent.proc.signal(signal.SIGHUP)
        for _ in range(5):
            log.write(50)
            time.sleep(0.05)
    from harness import wait_sunk
    again = wait_sunk(sink, log.written)
    check(again == 0, f"{again} records came twice")
    agent.stop()


def test_signals_in_a_row(world):
    """The last configuration counts, also when it came while the one before was taking over; and a stop
    is a stop, also in the middle of a reload."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(2000)
    agent = world.agent(server).start()
    for turn in range(3):
        with open(agent.config, encoding="ascii") as f:
            good = f.read().replace(f"node: agent{turn or ''}\n", f"node: agent{turn + 1}\n")
        agent.proc.signal(signal.SIGHUP)  # the configuration as it was
        world.write("agent.yaml", good)
        agent.proc.signal(signal.SIGHUP)
        wait_for(lambda: any(e["node"] == f"agent{turn + 1}" for e in agent.proc.events("started")), 20,
                 "the newest configuration")
        log.write(100)
    wait_stored(server, log.written)
    agent.proc.signal(signal.SIGHUP)
    agent.stop()
