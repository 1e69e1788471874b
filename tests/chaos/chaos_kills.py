"""R1, R2: kill -9 at random moments, of the agent, the server, and both, while lines are written."""
import time

from chaos import FastSink, Writer, check, check_skipped, figure, scenario, settle
from proc import Proc

# Positions are written at most once a second; a sanitizer build on a busy machine is late.
WINDOW_MS, FLYING_MS = 1500, 500
RATE = figure(3000, 10000)


def alive_for(world, agent):
    """Starts the agent and lets it live for 10 to 1,600 ms, sometimes less than its start takes."""
    if world.random.randrange(4) == 0:
        argv = [world.agent_bin, "--config", agent.config, "run"]
        agent.proc = Proc(argv, world.dir, agent.name, agent.environment())
        time.sleep(world.random.uniform(0.01, 0.2))
    else:
        agent.start()
        time.sleep(world.random.uniform(0.01, figure(0.8, 1.6)))


def written_while(world, turn, count):
    """Has a writer write while `turn` is called so often; returns what was written."""
    writer = Writer(world, world.path("access.log"), rate=RATE, per_write=20, density=1000)
    for _ in range(count):
        turn()
    writer.stop()
    return writer.ranges()


def sent_again_bound(sink, kills):
    """How many records the kills may cause to come again: what had first come since the positions were
    last due, and what was under way."""
    first = {}
    for ms, _, _, _, kind, number in sink.rows():
        first.setdefault((kind, number), int(ms))
    moments = sorted(first.values())
    from bisect import bisect_left
    return sum(bisect_left(moments, k + FLYING_MS) - bisect_left(moments, k - WINDOW_MS) for k in kills)


@scenario("1,000 kills at 10,000 lines/s: 0 lost, 0 stored twice", full_limit=3600, build="release")
def r01_agent_killed(world):
    """The agent dies at random moments; every line is stored exactly once."""
    server, kills = world.server().start(), figure(12, 1000)
    agent = world.agent(server)

    def turn():
        alive_for(world, agent)
        agent.kill()
    ranges = written_while(world, turn, kills)
    agent.start()
    settle(server, ranges, seconds=figure(25, 600), agent=agent)
    check_skipped(server, ranges)
    return f"{kills} kills, {ranges[-1][1]} lines, 0 lost, 0 twice"


@scenario("1,000 kills into a sink without deduplication: 0 lost; again no more than was in flight",
          full_limit=3600, build="release")
def r01_agent_killed_into_sink(world):
    """Nothing is lost, and what comes again is what the last second had acknowledged or under way."""
    sink, moments = FastSink(world), []
    agent = world.agent(sink)

    def turn():
        alive_for(world, agent)
        agent.kill()
        moments.append(int(time.monotonic() * 1000))
    ranges = written_while(world, turn, figure(12, 1000))
    agent.start()
    again = settle(sink, ranges, seconds=figure(25, 600), agent=agent)
    bound = sent_again_bound(sink, moments)
    check(again <= bound, f"{again} records came again over {len(moments)} kills; {bound} were in flight")
    return f"{len(moments)} kills, {ranges[-1][1]} lines, 0 lost, {again} again (at most {bound} in flight)"


@scenario("500 kills of the server at 10,000 lines/s: 0 lost, 0 stored twice", limit=90, full_limit=3600,
          build="release")
def r02_server_killed(world):
    """The server dies at random moments, also between a commit and its answer."""
    server, kills = world.server().start(), figure(8, 500)
    agent = world.agent(server).start()

    def turn():
        time.sleep(world.random.uniform(0.01, figure(0.8, 1.6)))
        server.kill()
        time.sleep(world.random.uniform(0.0, 0.2))
        server.start()
    ranges = written_while(world, turn, kills)
    settle(server, ranges, seconds=figure(25, 600), agent=agent)
    ledger = agent.ledger()
    written = ranges[-1][1]
    check(ledger["lines"] == written, f"{written} lines: {ledger}")
    agent.stop()
    return f"{kills} kills, {written} lines, 0 lost, 0 twice, {ledger['duplicate']} found to be duplicates"


@scenario("500 kills of both at 10,000 lines/s: 0 lost, 0 stored twice", limit=90, full_limit=3600, build="release")
def r02_both_killed(world):
    """Agent and server die at random moments, together or one after the other."""
    server, kills = world.server().start(), figure(5, 500)
    agent = world.agent(server).start()

    def turn():
        time.sleep(world.random.uniform(0.01, figure(0.8, 1.6)))
        victims = world.random.choice(((server, agent), (agent, server)))
        for victim in victims:
            victim.kill()
            time.sleep(world.random.choice((0.0, world.random.uniform(0.0, 0.2))))
        for victim in world.random.sample(victims, 2):
            victim.start()
    ranges = written_while(world, turn, kills)
    settle(server, ranges, seconds=figure(25, 600), agent=agent)
    check_skipped(server, ranges)
    agent.stop()
    return f"{kills} kills of both, {ranges[-1][1]} lines, 0 lost, 0 twice"
