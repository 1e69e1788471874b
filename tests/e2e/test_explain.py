"""`logferry explain`: what a terminal is shown is safe, the summary's groups add up, JSON is JSON."""
import bz2
import gzip
import json
import lzma
import os
import re
import socket
import subprocess
import time

import lines
from proc import check, on_terminal, run

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
LOG = os.path.join(TOP, "tests/data/site-access.log")
FORMAT = ("--format", "nginx_combined", "--host", "example.com")


def explain(world, *arguments):
    return run([world.agent_bin, "explain", *FORMAT, *arguments], world.dir)[1]


def test_summary(world):
    every = [json.loads(line) for line in explain(world, "--json", LOG).splitlines()]
    summary = json.loads(explain(world, "--summary", "--json", LOG))
    check(summary["lines"] == len(every) == sum(v["lines"] for v in summary["verdicts"]), summary)
    for group in summary["verdicts"]:
        mine = [x for x in every if (x["verdict"], x["reason"]) == (group["verdict"], group["reason"])]
        check(len(mine) == group["lines"], group)
        check(sum(g["lines"] for g in group["groups"]) <= group["lines"], group)
        check(group["groups"] or group["reason"] == "no_request", group)
    check(re.search(r"^ +120 +24\.5 %  pageview", explain(world, "--summary", LOG), re.M), "pageviews")


def test_lines_that_are_no_requests(world):
    """Each is told what it is."""
    with open(world.path("mixed.log"), "w", encoding="ascii") as f:
        f.write('2026-11-03T00:10:24.1Z stdout F {"level":"info","ts":1.5\n'
                '2026-11-03T00:10:24.1Z stderr F 2026/11/03 00:10:24 [error] 7#7: no such file\n'
                '2026-11-03T00:10:24.1Z stdout F {"level":"info","ts":1.5,"msg":"certificate renewed"}\n')
    command = [world.agent_bin, "explain", "--format", "cri+caddy_json", "--json", world.path("mixed.log")]
    out = run(command, world.dir)[1]
    check([(x["reason"], x["rule"]) for x in map(json.loads, out.splitlines())] == [
        ("unparsable", "the line does not have the source's format"),
        ("directive", "written to standard error, not to the access log"),
        ("directive", "a message of the server, not a request")], out)
    summary = json.loads(run([*command, "--summary"], world.dir)[1])
    check({v["reason"]: len(v["groups"]) for v in summary["verdicts"]} == {"directive": 0, "unparsable": 1}, summary)


def test_hostile_line(world):
    """Controls, C1, and what turns text: escaped in every form; the JSON says what the line held."""
    with open(world.path("odd.log"), "wb") as f:
        f.write(b'1.2.3.4 - - [03/Nov/2026:00:10:24 +0000] "GET /caf\xc3\xa9\xe2\x80\xae HTTP/1.1" 200 12 "-" '
                b'"\x1b[31mGPTBot/1.0 \xc2\x9b\xff"\n\x1b[2J\xe2\x81\xa6 hello\n')
    for arguments in ((), ("--json",), ("--summary",), ("--summary", "--json")):
        out = explain(world, *arguments, world.path("odd.log"))
        bad = [c for c in out if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) <= 0x9f
               or 0x2028 <= ord(c) <= 0x202e or 0x2066 <= ord(c) <= 0x2069]
        check(not bad, f"{arguments}: {bad!r}")
    first = json.loads(explain(world, "--json", world.path("odd.log")).splitlines()[0])
    check(first["hit"]["path"] == "/caf\u00e9\u202e" and first["hit"]["user_agent"] == "\x1b[31mGPTBot/1.0 \x9b\ufffd",
          first)
    text = explain(world, world.path("odd.log"))
    check("^~~~" in text and "^ column 1: " in text or "^ column" in text, text)


def explained(world, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | variables
    with open(LOG, encoding="utf-8") as f:
        head = "".join(f.readlines()[:3]) + "no line\n"
    return on_terminal([world.agent_bin, "explain", *FORMAT, "-"], environment, stdin=head.encode())


def test_colours(world):
    """On a terminal that wants them, and nowhere else; without them it is the same text."""
    coloured = explained(world)
    check("\x1b[1mline 1: " in coloured and "\x1b[2mbecause     \x1b[0m " in coloured and "\x1b[1m^ column " in coloured,
          coloured)
    plain = re.sub("\x1b\\[[0-9]m", "", coloured)
    check("\x1b" not in plain and plain == explained(world, NO_COLOR="1"), plain)
    check("\x1b" not in explain(world, LOG), "a pipe")


def test_pipe_as_a_path(world):
    """Says that standard input takes it: it is read once, and a path may be looked at twice."""
    os.mkfifo(world.path("pipe"))
    for command in ("report", "explain"):
        p = subprocess.run([world.agent_bin, command, world.path("pipe")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=60, check=False)
        check(p.returncode == 65 and b"no regular file; hand a pipe over as standard input" in p.stderr, p)


def test_header_of_the_file_before(world):
    """A CDN's files begin alike: the format is found once for all that do, and for the next that does not."""
    base = time.time() - 7200
    rows = [lines.cloudfront(n, base) for n in range(20)]
    other = lines.CF_HEADER.replace("#Fields: date time", "#Fields: time date")
    swapped = ["\t".join([row.split("\t")[1], row.split("\t")[0], *row.split("\t")[2:]]) for row in rows]
    texts = (lines.CF_HEADER + "".join(rows), lines.CF_HEADER + "no row\n", other + "".join(swapped), "no row\n")
    paths = []
    for i, text in enumerate(texts):
        paths.append(world.path(f"{i}.gz"))
        with gzip.open(paths[-1], "wt") as f:
            f.write(text)
    _, out, err = run([world.agent_bin, "report", "--json", *paths], world.dir, 60, expect=65)
    report = json.loads(out)
    check(report["lines"] == 20 + 2 + 1 + 2 + 20 + 2, f"{report}")
    check(report["reasons"]["unparsable"] == 1 and report["reasons"]["directive"] == 6, f"{report}")
    check("3.gz: its lines have none of the formats" in err and err.count("logferry: format cloudfront") == 1, err)


def test_standard_input(world):
    """Compressed or not; what it is compressed with, and its format, is told by its bytes."""
    def report(content, *arguments):
        p = subprocess.run([world.agent_bin, "report", "--json", *arguments, "-"], input=content, capture_output=True,
                           timeout=60, check=False)
        return p.returncode, re.sub('"seconds":[0-9.]+', "", p.stdout.decode()), p.stderr.decode()
    with open(LOG, "rb") as f:
        text = f.read()
    code, plain, err = report(text, *FORMAT)
    check(code == 0 and '"pageviews":120,' in plain, f"{code} {err}")
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        code, out, err = report(compress(text), *FORMAT)
        check(code == 0 and out == plain, f"{compress}: {code} {err} {out}")
    code, _, err = report(b"\x04\x22\x4d\x18d@" + b"\0" * 50, *FORMAT)
    check(code == 65 and "compressed with lz4; hand over its plain text" in err, f"{code} {err}")
    code, _, err = report(text.decode().encode("utf-16"), *FORMAT)
    check(code == 65 and "it is text in UTF-16; hand over its plain text" in err, f"{code} {err}")
    for content in (text, gzip.compress(text)):
        code, out, err = report(content, "--host", "example.com")
        check(code == 0 and out == plain and "nginx_combined" in err and "of standard input)" in err, f"{code} {err} {out}")
    code, out, err = report(b"", "--host", "example.com")
    check(code == 0 and '"lines":0' in out, f"{code} {err} {out}")
    code, _, err = report(b"what no format has\n")
    check(code == 65 and err.startswith("logferry: standard input: its lines have none of the formats"), f"{code} {err}")
    check("see `logferry detect -`" in err, err)


def test_host_of_nobody(world):
    """Without configuration and --host, a line that names no host is judged for localhost, and that is said."""
    command = (world.agent_bin, "explain", "--json", "--format", "nginx_combined")
    code, out, err = run([*command, LOG], world.dir)
    kinds = [x["verdict"] for x in map(json.loads, out.splitlines())]
    check(code == 0 and kinds.count("pageview") == 120 and '"reason":"no_host"' not in out, kinds)
    check("localhost" in err and "--host" in err and err.count("\n") == 1, err)
    check('"url":"https://localhost/' in out, out[:1000])
    code, out, err = run([*command, "--host", "example.com", LOG], world.dir)
    check(code == 0 and "localhost" not in out + err, err)
    with open(world.path("one.yaml"), "w", encoding="ascii") as f:
        f.write("node: n\ndestinations: {main: {url: 'http://127.0.0.1:1', token_file: /none}}\n"
                "sites: [{hosts: [example.com], site: example.com}]\n"
                f"sources: {{web: {{files: {LOG}, format: nginx_combined}}}}\n")
    out = run([world.agent_bin, "--config", world.path("one.yaml"), "explain", "--json", "--source", "web", LOG],
              world.dir)[1]
    check('"reason":"no_host"' in out and "localhost" not in out, out[:1000])


def test_format_of_standard_input(world):
    """Guessed of a file, of more than a pipe holds, and of lines that come one by one; nothing of it is lost."""
    with open(LOG, "rb") as f:
        text = f.read()
    want = len(text.splitlines())
    command = [world.agent_bin, "explain", "--json", "--host", "example.com"]
    with open(LOG, "rb") as f:
        p = subprocess.run(command, stdin=f, capture_output=True, timeout=60, check=False)
    check(p.returncode == 0 and len(p.stdout.splitlines()) == want, p)
    p = subprocess.run(command, input=text * 20, capture_output=True, timeout=60, check=False)
    check(p.returncode == 0 and len(p.stdout.splitlines()) == want * 20 and len(text) * 20 > 1 << 18, p)
    first, rest = text[:100], text[100:]
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdin.write(first)
    p.stdin.flush()
    out, err = p.communicate(rest, timeout=60)
    check(p.returncode == 0 and len(out.splitlines()) == want, err)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        p = subprocess.run(command, stdin=theirs, capture_output=True, timeout=60, check=False)
    check(p.returncode == 64 and b"neither a file nor a pipe" in p.stderr, p)
