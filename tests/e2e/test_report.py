"""`logferry report`: fits the terminal, says of which formats its files were, and leaves what is no access log."""
import gzip
import json
import os
import re
import unicodedata

from proc import check, on_terminal, run

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
LOG = os.path.join(TOP, "tests/data/site-access.log")
HUMAN = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0"
AGENTS = ("GPTBot", "Claude-SearchBot", "AI2Bot-DeepResearchEval", "meta-externalagent", "PerplexityBot")
WIDE = "/日本語のとても長い頁/" + "頁" * 80
ERROR_LOG = '2026/11/27 07:00:00 [error] 7#7: *1 open() "/srv/x" failed (2: No such file), client: 192.0.2.1\n'
CADDY = ('{"level":"info","ts":1795762800.5,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":'
         '"192.0.2.7","proto":"HTTP/2.0","method":"GET","host":"example.com","uri":"/a","headers":{"User-Agent":["'
         + HUMAN + '"]}},"duration":0.01,"size":12,"status":200}\n')


def combined(path, agent=HUMAN, status=200, n=1):
    line = f'192.0.2.7 - - [27/Nov/2026:07:00:00 +0000] "GET {path} HTTP/1.1" {status} 12 "-" "{agent}"\n'
    return line * n


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def report(world, columns, *arguments, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | {"NO_COLOR": "1"} | variables
    return on_terminal([world.agent_bin, "report", *arguments], environment, columns)


def crowd(world):
    """Names and pages wider than any column, and counts that are too."""
    with open(world.path("crowd.log"), "w", encoding="utf-8") as f:
        for i, agent in enumerate(AGENTS):
            f.write(combined(WIDE if i else "/" + "a" * 120, f"Mozilla/5.0 (compatible; {agent}/1.0)", 200, 1100 + i))
            f.write(combined("/x", f"Mozilla/5.0 (compatible; {agent}/1.0)", 404, 12345 if i == 2 else 3))
        f.write(combined(WIDE, n=30) + combined("/e\u0301" * 90, n=20) + combined("/a/" + "b" * 300, n=10))
    return world.path("crowd.log")


def test_fits_the_terminal(world):
    for log in (crowd(world), LOG):
        for columns, limit, variables in ((60, 60, {}), (80, 80, {}), (120, 120, {}), (0, 80, {}), (20, 60, {}),
                                          (80, 72, {"COLUMNS": "72"}), (80, 80, {"COLUMNS": "many"})):
            out = report(world, columns, log, **variables)
            wide = [line for line in out.splitlines() if width(line) > limit]
            check(not wide, f"{columns} {variables}: {wide}\n{out}")
            for words in ("every line accounted for", "says of each why", "and user agent)", "AI agents"):
                check(words in re.sub(r"\s+", " ", out), f"{columns}: no {words}\n{out}")
    out = report(world, 80, world.path("crowd.log"))
    check("  AI2Bot-DeepResearchEval " in out and "12,345" in out, out)  # at 80 columns nothing of these is lost
    check("…" in out and "\ufffd" not in out, out)
    out = report(world, 60, world.path("crowd.log"))
    check(re.search(r"^  AI2Bot-De\w*… .* 12k ", out, re.M), out)
    wider, widest = (re.sub(r"in [\d.]+ s", "in T s", report(world, n, LOG)) for n in (140, 240))
    check(wider == widest, wider)


def test_wide_without_a_terminal(world):
    """Whatever COLUMNS says; names are whole, and numbers stand below their headings."""
    out = run([world.agent_bin, "report", crowd(world)], world.dir, 60, {"COLUMNS": "60"})[1]
    head, row = out.splitlines()[2:4]
    check(row.startswith("  AI2Bot-DeepResearchEval ") and "12,345" in row and head.endswith("  top page"), out)
    for heading, number in (("documents", "13,447"), ("4xx", "12,345")):
        check(head.index(heading) + len(heading) == row.index(number) + len(number), f"{head}\n{row}")


def logs_of(world):
    directory = world.mkdir("log")
    with open(os.path.join(directory, "access.log"), "w", encoding="ascii") as f:
        f.write(combined("/a", n=5))
    with gzip.open(os.path.join(directory, "caddy.log.gz"), "wt", encoding="ascii") as f:
        f.write(CADDY * 3)
    return directory


def test_names_every_format(world):
    directory = logs_of(world)
    out = run([world.agent_bin, "report", directory], world.dir)[1]
    first = out.splitlines()[0]
    check("caddy_json" in first and "nginx_combined" in first and "2026-11-27" in first, first)
    found = json.loads(run([world.agent_bin, "report", "--json", directory], world.dir)[1])
    check(sorted(found["formats"]) == ["caddy_json", "nginx_combined"], found)
    check(found["format"] == ", ".join(found["formats"]), found)
    one = json.loads(run([world.agent_bin, "report", "--json", LOG], world.dir)[1])
    check((one["format"], one["formats"]) == ("nginx_combined", ["nginx_combined"]), one)
    with open(world.path("empty.log"), "w", encoding="ascii"):
        pass
    none = json.loads(run([world.agent_bin, "report", "--json", world.path("empty.log")], world.dir)[1])
    check((none["format"], none["formats"]) == ("", []), none)


def test_error_log_beside_it(world):
    """In a directory, or by a glob: named, and no failure if there is anything else; named itself, 65."""
    directory = logs_of(world)
    error_log = os.path.join(directory, "error.log")
    with open(error_log, "w", encoding="ascii") as f:
        f.write(ERROR_LOG * 5)
    for path in (directory, os.path.join(directory, "*")):
        code, out, err = run([world.agent_bin, "report", "--json", path], world.dir)
        check(code == 0 and json.loads(out)["lines"] == 8 and f"{error_log}: " in err, f"{path}: {code} {err}")
    for paths in ((error_log,), (directory, error_log), (os.path.join(directory, "access.log"), error_log)):
        _, _, err = run([world.agent_bin, "report", "--json", *paths], world.dir, expect=65)
        check(f"{error_log}: " in err, err)
    alone = world.mkdir("alone")
    with open(os.path.join(alone, "error.log"), "w", encoding="ascii") as f:
        f.write(ERROR_LOG)
    run([world.agent_bin, "report", alone], world.dir, expect=65)
    with open(os.path.join(directory, "cut.log.gz"), "wb") as f:  # what is damaged stays a failure
        f.write(gzip.compress((combined("/a", n=500) + os.urandom(400).hex()).encode())[:-200])
    run([world.agent_bin, "report", directory], world.dir, expect=65)
