"""`logferry detect`: formats by their lines, and sources out of the web servers' own configuration."""
import gzip
import json
import os
import re

import lines
from harness import wait_stored, wait_sunk
from proc import check, run


def detect(world, *arguments, expect=0, stdin=None):
    return run([world.agent_bin, "detect", *arguments], world.dir, 60, stdin=stdin.encode() if isinstance(stdin, str) else stdin,
               expect=expect)


def log(world, name, text):
    with gzip.open(world.path(name), "wt") if name.endswith(".gz") else open(world.path(name), "w") as f:
        f.write(text)
    return world.path(name)


def test_logs(world):
    base = lines.default_base()
    nginx = log(world, "access.log", "".join(lines.combined(n, base) for n in range(1500)))
    apache = log(world, "other.log.gz", '203.0.113.9 - - [03/Nov/2026:00:10:24 +0000] "GET / HTTP/1.1" 304 - "-" '
                 '"a \\"quoted\\" agent"\n' * 10)
    cdn = log(world, "cdn.gz", lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in range(20)))
    for path, name, host in ((nginx, "nginx_combined", False), (apache, "apache_combined", False),
                             (cdn, "cloudfront", True)):
        _, out, _ = detect(world, path)
        check(f": {name}, fits " in out and "(100.0 %)" in out, out)
        check(("default_host: example.com" in out) != host, out)
        check(len(re.findall(r"^  2\d{3}-\d\d-\d\dT", out, re.M)) == 3, f"three samples:\n{out}")
        _, out, _ = detect(world, "--json", path)
        found = json.loads(out)
        check(found["format"] == name and found["rate"] == 1 and len(found["samples"]) == 3, out)
        check("host" in found["fields"] if host else "host" not in found["fields"], out)
    with open(nginx, "rb") as f:
        _, out, _ = detect(world, "-", stdin=f.read())
    check(": nginx_combined, fits 1000 of the first 1000 lines" in out, out)


def test_pasted_configuration(world):
    """What it prints is a configuration that the agent takes."""
    base = lines.default_base()
    log(world, "access.log", "".join(lines.combined(n, base) for n in range(10)))
    _, out, _ = detect(world, world.path("access.log"))
    agent = world.agent("http://127.0.0.1:1")
    with open(agent.config, encoding="utf-8") as f:
        whole = f.read()
    whole = re.sub(r"(?ms)^sources:\n(?:[ \t].*\n)+", "", whole) + out[out.index("sources:"):]
    with open(agent.config, "w", encoding="utf-8") as f:
        f.write(whole)
    agent.command("check", "--offline")


def test_nothing_fits(world):
    path = log(world, "odd.log", "hello \x1b[31mworld\n" * 5)
    _, out, _ = detect(world, path, expect=65)
    check("none of the formats" in out and "line 1, column" in out, out)
    check("\x1b" not in out and "\n" + " " * 7 in out and "^" in out, repr(out))
    _, out, _ = detect(world, "--json", path, expect=65)
    found = json.loads(out)
    check(found["format"] is None and found["mismatch"]["line"] == 1 and found["mismatch"]["error"], out)
    detect(world, log(world, "empty.log", ""), expect=65)
    detect(world, world.path("nowhere.log"), expect=65)
    detect(world, expect=64)


NGINX = """events {{}}
http {{
    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" '
                    '"$http_user_agent" "$http_x_forwarded_for"';
    access_log {0}/all.log main buffer=16k;
    include sites/*.conf;
}}
"""
SITES = """server {{ listen unix:{0}/a.sock; server_name a.example www.a.example; }}
server {{ listen unix:{0}/b.sock; server_name b.example; access_log {0}/b.log; }}
server {{ listen unix:{0}/c.sock; server_name c.example; access_log {0}/$host.log; access_log syslog:server=unix:/dev/null; }}
server {{ listen unix:{0}/d.sock; server_name d.example; access_log off; }}
"""


def test_nginx_configuration(world):
    """The configuration of a real nginx, dumped by itself and as files."""
    world.mkdir("sites")
    world.write("nginx.conf", NGINX.format(world.dir))
    world.write("sites/one.conf", SITES.format(world.dir))
    _, dump, _ = run(["nginx", "-T", "-e", world.path("error.log"), "-p", world.dir, "-c", world.path("nginx.conf")],
                     world.dir, 30)
    for arguments, stdin in ((["--json", "-"], dump), (["--json", world.path("nginx.conf")], None)):
        _, out, _ = detect(world, *arguments, stdin=stdin)
        found = {os.path.basename(x["path"]): x for x in json.loads(out)["logs"]}
        check(sorted(found) == ["$host.log", "all.log", "b.log", "null"], out)
        check(found["all.log"]["format"] == "nginx_main" and found["all.log"]["hosts"] == ["a.example", "www.a.example"],
              out)
        check(found["b.log"]["format"] == "nginx_combined" and found["b.log"]["hosts"] == ["b.example"], out)
        check(found["$host.log"]["files"] == world.dir + "/{host}.log", out)
        check(found["null"]["files"] is None and "syslog" in found["null"]["problem"], out)
    _, out, _ = detect(world, "-", stdin=dump)
    check(f"files: '{world.dir}/{{host}}.log'" in out and "default_host: b.example" in out, out)
    check("# not read: syslog:" in out, out)


def test_apache_configuration(world):
    """By `apachectl -t -D DUMP_VHOSTS`, which names the files, and by the main file itself."""
    world.mkdir("sites-enabled")
    world.write("envvars", f"export APACHE_LOG_DIR={world.dir}/logs$SUFFIX\n")
    world.write("apache2.conf", 'LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined\n'
                "IncludeOptional sites-enabled/*.conf\n")
    world.write("sites-enabled/a.conf", "<VirtualHost *:80>\n\tServerName a.example\n\tServerAlias www.a.example\n"
                "\tCustomLog ${APACHE_LOG_DIR}/a.log combined\n</VirtualHost>\n")
    vhosts = f"""VirtualHost configuration:
*:80                   a.example ({world.dir}/sites-enabled/a.conf:1)
ServerRoot: "{world.dir}"
"""
    for arguments, stdin in ((["--json", "-"], vhosts), (["--json", world.path("apache2.conf")], None)):
        _, out, _ = detect(world, *arguments, stdin=stdin)
        found = json.loads(out)["logs"]
        check(len(found) == 1 and found[0]["files"] == world.dir + "/logs/a.log", out)
        check(found[0]["format"] == "apache_combined" and found[0]["hosts"] == ["a.example", "www.a.example"], out)


def test_report_of_several_formats(world):
    """Each file is read by its own format; one that has none is told, and the others are counted."""
    base = lines.default_base()
    log(world, "nginx.log", "".join(lines.combined(n, base) for n in range(50)))
    log(world, "cdn.gz", lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in range(50, 100)))
    log(world, "odd.txt", "hello world\n" * 5)
    _, out, err = run([world.agent_bin, "report", "--json", world.path("nginx.log"), world.path("cdn.gz")], world.dir)
    found = json.loads(out)
    check(found["pageviews"] + found["ai_fetches"] + found["skipped"] == found["lines"], out)
    check(found["lines"] >= 100 and not found["reasons"].get("unparsable"), out + err)
    _, out, err = run([world.agent_bin, "report", "--json", world.path("odd.txt"), world.path("nginx.log")], world.dir,
                      expect=65)
    check(json.loads(out)["lines"] == 50 and "odd.txt" in err and "logferry detect" in err, out + err)


# ---- format: auto -------------------------------------------------------------------------------

def test_auto(world):
    """Decided when there is a line, kept over restarts and rotations, and no line is lost or doubled by it."""
    server = world.server().start()
    base = lines.default_base()
    first = lines.Log(world.path("access.log"))
    first.write(200)
    late = world.path("late.log")
    open(late, "w").close()
    odd = log(world, "odd.log", "no format has lines like this\n" * 20)
    agent = world.agent(server, source_format="auto", extra="limits: {max_age: 7d}\n")
    agent.sources["late"] = {"files": late, "format": "auto"}
    agent.sources["odd"] = {"files": odd, "format": "auto"}
    agent.configure()
    agent.start()
    wait_stored(server, first.written)
    told = {e["source"]: e for e in agent.proc.events("format_detected")}
    check(list(told) == ["web"] and told["web"]["format"] == "nginx_combined", f"{told}")
    check([e["source"] for e in agent.proc.events("format_unknown")] == ["odd"], "the odd one is told of")
    with open(late, "w") as f:
        f.write(lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in range(5000, 5100)))
    agent.proc.wait_event("format_detected", 30, 2)
    both = first.written + list(range(5000, 5100))
    wait_stored(server, both)
    first.write(100)
    os.rename(first.path, first.path + ".1")
    first.write(100)
    wait_stored(server, first.written + list(range(5000, 5100)))
    agent.stop()
    # The first lines of the new file would say something else, if they were asked.
    with open(late, "w") as f:
        f.write("a line of nothing\n" * 9 + lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in range(5100, 5103)))
    agent.start()
    wait_stored(server, first.written + list(range(5000, 5103)))
    check(not agent.proc.events("format_detected"), "it was decided again")
    agent.ledger()
    agent.stop()


def test_auto_of_a_backfill(world):
    server = world.server().start()
    history = lines.Log(world.path("old.log"))
    history.write(300)
    odd = log(world, "odd.log", "no format has lines like this\n" * 20)
    agent = world.agent(server, source_format="auto")
    ledger = agent.backfill("--source", "web", history.path)
    check(ledger["lines"] == 300, f"{ledger}")
    wait_stored(server, history.written)
    code, _, err = agent.command("backfill", "--source", "web", odd, expect=None)
    check(code == 65 and "logferry detect" in err, f"{code} {err}")


def test_auto_with_damaged_notes(world):
    """What was noted is empty, cut, of a newer version: it is decided anew, and nothing comes twice."""
    sink = world.sink()
    first = lines.Log(world.path("access.log"))
    first.write(100)
    agent = world.agent(sink, source_format="auto").start()
    wait_sunk(sink, first.written)
    agent.stop()
    path = os.path.join(agent.state, "formats")
    with open(path, encoding="utf-8") as f:
        good = f.read()
    for bad in ("", "\0" * 100, good[:20], good[:-5], good.replace('"v":1', '"v":2'), good.replace("nginx_combined", "of_another_version"), "[]", "{" * 100):
        with open(path, "w", encoding="utf-8") as f:
            f.write(bad)
        first.write(20)
        agent.start()
        again = wait_sunk(sink, first.written)
        check(again == 0, f"{again} came again after {bad[:30]!r}")
        check(len(agent.proc.events("format_detected")) == 1, "it was not decided")
        agent.stop()
