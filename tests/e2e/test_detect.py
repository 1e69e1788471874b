"""`logferry detect`: formats by their lines, and sources out of the web servers' own configuration."""
import gzip
import json
import os
import re

import lines
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
