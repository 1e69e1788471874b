"""Nothing is lost and nobody else is disturbed while a server is down, unwilling or out of its mind.

Waits last a few seconds; 30 s with E2E_FULL=1.
"""
import os
import time

import lines
from harness import SITE, expected, wait_stored, wait_sunk
from proc import check, scale, wait_for, within

OTHER = "other.example.org"


def write_for(log, seconds, rate=400):
    """A steady writer for that long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        log.write(rate // 20)
        time.sleep(0.05)


def test_outage(world):
    """Nobody listens: the agent waits, says so once in a while, and delivers all of it afterwards."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    server.stop()
    write_for(log, scale(4))
    resident, _ = agent.proc.usage()
    server.start()
    wait_stored(server, log.written, 40, "every line of the outage")
    warnings = len([e for e in agent.proc.events() if "destination" in str(e.get("event", ""))])
    check(warnings <= 6 + scale(4) / 10, f"{warnings} messages about one outage")
    agent.stop()
    print(f"resident {resident >> 20} MiB")


def test_outage_with_restart_of_the_agent(world):
    """What waits in the spool survives a clean stop, and a kill, of the agent."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    server.stop()
    write_for(log, 2)
    agent.stop()
    write_for(log, 0.5)
    agent.start()
    write_for(log, 1.5)
    agent.kill()
    agent.start()
    write_for(log, 1)
    server.start()
    wait_stored(server, log.written, 40, "every line of the outage")
    agent.stop()


def test_token_revoked_and_replaced(world):
    """401 pauses the destination; a new token in token_file resumes it without a restart."""
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    server.cli("client", "revoke", "t")
    write_for(log, scale(4))
    wait_for(lambda: "401" in agent.proc.text(), 15, "a word about the 401")
    word = [e for e in agent.proc.events() if "401" in str(e)]
    check(server.token[3:20] not in agent.proc.text(), "a token stands in the log")
    check(len(word) <= 3 + scale(4) / 20, f"{len(word)} messages about one 401")
    fresh = server.client("t2", *server.grants)
    with open(server.token_file + ".new", "w", encoding="ascii") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(fresh + "\n")
    began = time.monotonic()
    os.rename(server.token_file + ".new", server.token_file)
    wait_stored(server, log.written, 30, "every line of the time without a token")
    took = time.monotonic() - began
    check(took <= within(15), f"a new token took {took:.1f} s to be used")
    agent.stop()


def unwell(world, mood, seconds):
    """The sink answers `mood` for a while; returns the attempts a second it saw meanwhile."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    before = len(sink.requests)
    sink.mood = mood
    write_for(log, seconds)
    attempts = (len(sink.requests) - before) / seconds
    sink.mood = None
    sink.released.set()
    again = wait_sunk(sink, log.written, 90, f"every line after {mood}")
    agent.ledger()
    agent.stop(30)
    dead = agent.state_files("dead")
    check(not [f for f in dead if os.path.getsize(f) > 64], f"{mood} killed records: {dead}")
    return attempts, again


def test_503(world):
    attempts, again = unwell(world, 503, scale(4))
    check(again == 0, f"{again} records came twice")
    check(attempts <= 4, f"{attempts:.1f} attempts a second at a server that says 503")


def test_429(world):
    attempts, again = unwell(world, 429, scale(2))
    check(again == 0 and attempts <= 4, f"{attempts:.1f} attempts/s, {again} twice")


def test_endpoint_gone_404(world):
    attempts, again = unwell(world, 404, scale(2))
    check(again == 0 and attempts <= 4, f"{attempts:.1f} attempts/s, {again} twice")


def test_garbage_answers(world):
    unwell(world, "garbage", scale(2))


def test_answer_for_another_batch(world):
    unwell(world, "wrong_id", scale(2))


def test_resets(world):
    unwell(world, "reset", scale(2))


def test_server_that_never_answers(world):
    unwell(world, "silent", scale(2))


def test_stop_while_the_server_is_silent(world):
    """SIGTERM ends the agent within five seconds, whatever is on its way; nothing is lost by it."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    sink.mood = "silent"
    log.write(50)
    wait_for(lambda: agent.ledger().get("in_memory", 0) > 0, 10, "a batch on its way")
    began = time.monotonic()
    agent.stop(20)
    took = time.monotonic() - began
    check(took < within(5.5), f"it took {took:.1f} s to stop")
    sink.mood = None
    sink.released.set()
    agent.start()
    wait_sunk(sink, log.written)
    agent.stop()


def two_sites(world, destination):
    first = lines.Log(world.path("first.log"))
    second = lines.Log(world.path("second.log"), first=1000000)
    first.write(50)
    second.write(50)
    sources = {"first": {"files": first.path, "format": "nginx_combined", "host": SITE},
               "second": {"files": second.path, "format": "nginx_combined", "host": OTHER}}
    extra = f"sites:\n  - {{hosts: [{SITE}], site: {SITE}}}\n  - {{hosts: [{OTHER}], site: {OTHER}}}\n"
    return first, second, world.agent(destination, sources=sources, extra=extra)


def test_403_for_one_of_two_sites(world):
    """The refused site's records are parked; the other site goes on; both are complete at the end."""
    sink = world.sink(sites=(SITE, OTHER))
    first, second, agent = two_sites(world, sink)
    agent.start()
    wait_sunk(sink, first.written + second.written)
    sink.refused_sites[OTHER] = (403, "Access denied")
    for _ in range(int(scale(4) * 10)):
        first.write(30)
        second.write(30)
        time.sleep(0.1)
    wait_for(lambda: set(expected(first.written)) <= set(sink.numbers()), 20, "the undisturbed site")
    wait_for(lambda: agent.ledger().get("parked", 0) > 0, 20, "parked records")
    agent.kill()  # parked records outlive a crash
    agent.start()
    wait_for(lambda: agent.ledger().get("parked", 0) > 0, 20, "parked records after a crash")
    del sink.refused_sites[OTHER]
    agent.stop()
    agent.start()  # "when the token's sites change, or every few minutes": a start looks anew
    again = wait_sunk(sink, first.written + second.written, 60, "the site that was refused")
    wait_for(lambda: agent.ledger().get("parked", 0) == 0, 10, "the last answer about a parked batch")
    agent.stop()
    print(f"{again} again")


def test_grant_given_later(world):
    """The same at the real server: a site without a grant is parked until the grant comes."""
    server = world.server(sites=(SITE, OTHER), grants=[f"{SITE}=ingest"]).start()
    first, second, agent = two_sites(world, server)
    agent.start()
    wait_stored(server, first.written, 30, "the site with a grant")
    wait_for(lambda: OTHER in agent.proc.text(), 15, "a word about the other site")
    server.cli("client", "grant", "t", f"{OTHER}=ingest")
    agent.stop()
    agent.start()
    wait_stored(server, first.written + second.written, 60, "both sites")
    agent.stop()


def test_full_disk_of_the_server(world):
    """The store finds no room (503): nothing is lost, and it mends itself."""
    server = world.server().start()
    server.stop()
    server.start(fault="fail:store.commit:1-1:ENOSPC")
    log = lines.Log(world.path("access.log"))
    log.write(500)
    agent = world.agent(server).start()
    write_for(log, 2)
    wait_stored(server, log.written, 60)
    agent.stop()


test_full_disk_of_the_server.waits = 30


def test_retry_after(world):
    """503 and 429 with Retry-After: that long nobody asks; then everything comes, once."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    for status in (503, 429):
        sink.mood = (status, 3)
        before = len(sink.requests)
        began = time.monotonic()
        log.write(100)
        wait_for(lambda: len(sink.requests) > before, 10, "an attempt")
        write_for(log, 2)
        posts = [r for r in sink.requests[before:] if r[1] == "POST"]
        check(len(posts) <= 2, f"{len(posts)} attempts in the {time.monotonic() - began:.1f} s of Retry-After: 3")
        sink.mood = None
        check(wait_sunk(sink, log.written, 20) == 0, "records came twice")
    agent.stop()


def test_attempts_are_jittered(world):
    """At most one attempt a second on the average, at uneven distances."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    sink.mood = 503
    before = len(sink.requests)
    write_for(log, 20, rate=100)
    times = [r[0] for r in sink.requests[before:]]
    gaps = [round(b - a, 2) for a, b in zip(times, times[1:])]
    check(len(times) <= 20, f"{len(times)} attempts in 20 s: {gaps}")
    check(max(gaps) >= 1.5 * min(gaps), f"evenly spaced: {gaps}")
    check(0.0 not in gaps[2:], f"two at a time, when it is known to be unwell: {gaps}")
    sink.mood = None
    check(wait_sunk(sink, log.written, 45) == 0, "records came twice")
    agent.stop()


test_attempts_are_jittered.waits = 35


def paused(world, status):
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    sink.mood = status
    write_for(log, scale(6))
    told = len(agent.proc.events("destination_paused"))
    check(told == 1, f"{told} messages about {status} in {scale(6):.0f} s")
    sink.mood = None
    began = time.monotonic()
    wait_for(lambda: set(expected(log.written)) <= set(sink.numbers()), 30, "every line")
    took = time.monotonic() - began
    check(took <= within(6), f"{took:.1f} s until it went on")
    check(wait_sunk(sink, log.written) == 0, "records came twice")
    check(not agent.state_files("dead"), f"{status} killed records")
    agent.stop()


def test_401_resumes_soon(world):
    paused(world, 401)


def test_403_resumes_soon(world):
    paused(world, 403)


def tormented(world, mood, seconds):
    """Nothing grows, nothing is lost, and reading goes on into the spool."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(100)
    agent = world.agent(sink).start()
    wait_sunk(sink, log.written)
    sink.mood = mood
    write_for(log, seconds, rate=200)
    before, _ = agent.proc.usage()
    write_for(log, seconds, rate=200)
    resident, cpu = agent.proc.usage()
    # A sanitizer keeps what was freed, of the few attempts of that time; the endless body would be a gigabyte.
    check(resident - before < 150 << 20, f"{mood}: it grew from {before >> 20} to {resident >> 20} MiB")
    sink.mood = None
    sink.released.set()
    wait_sunk(sink, log.written, 100, f"every line after {mood}")
    agent.ledger()
    agent.stop()
    print(f"resident {resident >> 20} MiB")


def test_one_byte_a_second(world):
    tormented(world, "drip", 3)


def test_endless_header(world):
    tormented(world, "endless_header", 3)


def test_endless_body(world):
    tormented(world, "endless_body", 3)


def test_chunked_junk(world):
    tormented(world, "chunked_junk", 2)


def test_bad_gzip_answer(world):
    tormented(world, "bad_gzip", 2)


def test_stop_with_much_queued(world):
    """R37: SIGTERM in the middle of a large backlog ends in five seconds, and nothing is sent again."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(300000 if os.environ.get("E2E_FULL") != "1" else 1000000)
    agent = world.agent(sink).start()
    wait_for(lambda: len(sink.records) > 20000, 60, "some of it", 0.02)
    began = time.monotonic()
    agent.stop(20)
    took = time.monotonic() - began
    have = len(sink.records)
    check(took < within(5.5), f"it took {took:.1f} s to stop")
    check(have < len(expected(log.written)), "all was sent before the stop: the test is too small")
    agent.start()
    again = wait_sunk(sink, log.written, 90)
    check(again == 0, f"{again} records were sent again after a clean stop")
    agent.stop()
    print(f"stopped in {took:.1f} s with {have} records sent")
