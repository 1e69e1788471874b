"""A backfill adds what is new and nothing else, however often and under whatever name."""
import os
import shutil

import lines
from harness import SITE, check_exactly_once, expected, ledger_of, skipped, wait_stored
from proc import check, run


def history(world, count=3000, name="access.log.1"):
    log = lines.Log(world.path(name), tag="history")
    log.write(count)
    return log


def adds_nothing(server, before, ledger, want_duplicates, what):
    check_exactly_once(before, server.numbers(), what)
    check(ledger["duplicate"] == want_duplicates and ledger["acknowledged"] == want_duplicates,
          f"{what}: {want_duplicates} duplicates expected: {ledger}")


def test_run_twice(world):
    """The second run stores nothing; a third, with all of the agent's memory lost, neither."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    ledger = agent.backfill("--source", "web", log.path)
    want = expected(log.written)
    check_exactly_once(want, server.numbers(), "first run")
    check(ledger["lines"] == 3000 and ledger["records"] == len(want)
          and ledger["skipped"] == skipped(log.written), f"ledger of the first run: {ledger}")
    second = agent.backfill("--source", "web", log.path)
    check_exactly_once(want, server.numbers(), "second run")
    check(second["duplicate"] in (0, len(want)), f"second run: {second}")
    third = world.agent(server, "fresh").backfill("--source", "web", log.path)
    adds_nothing(server, want, third, len(want), "fresh agent")


def test_copy_under_another_name(world):
    server, log = world.server().start(), history(world)
    world.agent(server).backfill("--source", "web", log.path)
    copy = os.path.join(world.mkdir("elsewhere"), "copy-of-a-log")
    shutil.copy(log.path, copy)
    ledger = world.agent(server, "other-host").backfill("--source", "web", copy)
    adds_nothing(server, expected(log.written), ledger, len(expected(log.written)), "copy")


def test_compressed_twins(world):
    """The .gz of a file is that file."""
    server, log = world.server().start(), history(world)
    world.agent(server).backfill("--source", "web", log.path)
    lines.gzip_copy(log.path, log.path + ".gz")
    ledger = world.agent(server, "twin").backfill("--source", "web", log.path + ".gz")
    adds_nothing(server, expected(log.written), ledger, len(expected(log.written)), "the .gz")


def test_over_what_the_tail_sent(world):
    server = world.server().start()
    log = lines.Log(world.path("access.log"))
    log.write(1000)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    agent.stop()
    log.write(500)  # not yet seen by the tail
    ledger = world.agent(server, "fresh").backfill("--source", "web", log.path)
    check_exactly_once(expected(log.written), server.numbers(), "tail, then backfill")
    old = len(expected(range(1000)))
    check(ledger["duplicate"] == old, f"{old} duplicates expected: {ledger}")
    agent.start()
    log.write(100)
    wait_stored(server, log.written, what="tail after the backfill")
    agent.stop()


def test_changed_page_rule_adds_the_new_ones(world):
    """404s become pages by pages.statuses: running the backfill again adds just them."""
    server, log = world.server().start(), history(world)
    agent = world.agent(server)
    agent.backfill("--source", "web", log.path)
    agent.configure(extra="pages: {statuses: [200, 203, 206, 304, 404]}\n")
    ledger = agent.backfill("--source", "web", log.path)
    want = expected(log.written)
    old = len(want)
    want.update((lines.PAGEVIEW, n) for n in log.written if lines.reason(n) == "status")
    check_exactly_once(want, server.numbers(), "after the rule changed")
    check(ledger["acknowledged"] - ledger["duplicate"] == len(want) - old, f"ledger: {ledger}")


def test_directory_of_cloudfront_files(world):
    """Many .gz files with the same two first lines; and all of them in one concatenation."""
    server = world.server().start()
    directory = world.mkdir("cf")
    base, first = lines.default_base() - 30 * 86400, 0
    for i in range(24):
        count = 40 + 17 * i
        path = os.path.join(directory, f"E2EXAMPLE.2026-10-0{i % 9 + 1}-{i:02d}.{i:08x}")
        with open(path, "w", encoding="ascii") as f:
            f.write(lines.CF_HEADER)
            f.writelines(lines.cloudfront(n, base) for n in range(first, first + count))
        lines.gzip_copy(path, path + ".gz")
        os.unlink(path)
        first += count
    numbers = range(first)
    sources = {"cdn": {"files": directory + "/*.gz", "format": "cloudfront"}}
    agent = world.agent(server, sources=sources)
    ledger = agent.backfill("--source", "cdn", directory)
    want = expected(numbers)
    check_exactly_once(want, server.numbers(), "CloudFront files")
    check(ledger["lines"] == first + 2 * 24, f"{first} rows and 48 header lines: {ledger}")
    with open(world.path("all.gz"), "wb") as out:  # cat *.gz: several members, headers in the middle
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), "rb") as f:
                shutil.copyfileobj(f, out)
    ledger = world.agent(server, "fresh", sources=sources).backfill(
        "--source", "cdn", world.path("all.gz"))
    adds_nothing(server, want, ledger, len(want), "cat *.gz")


def test_without_a_configuration(world):
    """backfill --format --host --output URL needs no file, only a token."""
    server, log = world.server().start(), history(world, 500)
    agent = world.agent(server)
    env = agent.environment()
    env["CREDENTIALS_DIRECTORY"] = world.mkdir("credentials")
    world.write("credentials/token", server.token + "\n")
    argv = [world.agent_bin, "backfill", "--format", "nginx_combined", "--host", SITE,
            "--output", server.url, log.path]
    run(argv, world.dir, 60, env)
    check_exactly_once(expected(log.written), server.numbers(), "backfill without a configuration")


def test_history_keeps_its_dates(world):
    """An AI fetch of last month is stored under last month, not under today."""
    server = world.server().start()
    base = lines.default_base() - 40 * 86400
    log = lines.Log(world.path("access.log.1"), base=base)
    log.write(2000)
    world.agent(server).backfill("--source", "web", log.path)
    low, high = server.rows("SELECT min(at), max(at) FROM records")[0]
    check(base * 1000 <= low and high <= (base + 2000) * 1000,
          f"records lie between {low} and {high}, lines between {base * 1000} and {(base + 2000) * 1000}")


def test_more_long_files_than_descriptors(world):
    """Each is read by turns, a batch at a time: whose lines are whose, and how far, is never mixed up."""
    server, directory, written = world.server().start(), world.mkdir("logs"), []
    for i in range(28):
        log = lines.Log(os.path.join(directory, f"{i}.log"), first=i * 10000)
        log.raw(log.text(2800).replace("/n/", f"/n/{'p' * 1900}/").encode())  # more than one batch, by its bytes
        written += log.written
    agent = world.agent(server, extra="workers: 8\n")
    argv = ["sh", "-c", 'ulimit -n 48; exec "$@"', "sh", world.agent_bin, "--config", agent.config,
            "backfill", "--source", "web", directory]
    _, out, err = run(argv, world.dir, 120, agent.environment())
    ledger = ledger_of(out + err, "the backfill")
    check_exactly_once(expected(written), server.numbers(), "long files")
    check(ledger["lines"] == len(written) and not ledger["duplicate"], f"read once: {ledger}")
    check("level=warn" not in err, f"nothing to complain of: {err[-1500:]}")
