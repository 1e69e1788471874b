"""`logferry detect`: formats by their lines, and sources out of the web servers' own configuration."""
import gzip
import json
import os
import re

import lines
from harness import wait_stored, wait_sunk
from proc import Proc, check, run, wait_for


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
        check(all(sample["client_ip"] for sample in found["samples"]), out)
        check("host" in found["fields"] if host else "host" not in found["fields"], out)
    with open(nginx, "rb") as f:
        _, out, _ = detect(world, "-", stdin=f.read())
    check(": nginx_combined, fits 1000 of the first 1000 lines" in out, out)


def test_messages(world):
    """What nginx says of itself between its access lines is no line that does not fit; a file of that alone is told."""
    error = '2026/11/03 00:10:24 [error] 31#31: *7 open() failed, request: "GET /x HTTP/1.1"\n'
    mixed = log(world, "mixed.log", "/docker-entrypoint.sh: Configuration complete; ready for start up\n" + error * 9 +
                lines.combined(1, lines.default_base()) * 2)
    alone = log(world, "error.log", error * 3)
    _, out, _ = detect(world, mixed)
    check(": nginx_combined, fits 2 of the first 2 lines (100.0 %)" in out, out)
    _, out, _ = detect(world, alone, expect=65)
    check("what a server says of itself" in out, out)
    _, _, err = run([world.agent_bin, "report", alone], world.dir, 60, expect=None)
    check("what a server says of itself" in err, err)


def paste(agent, out):
    """The sources that were printed into the agent's configuration, which must be right; their files by name."""
    with open(agent.config, encoding="utf-8") as f:
        whole = f.read()
    sources = out[out.index("\nsources:") + 1:]
    whole = re.sub(r"(?ms)^sources:\n(?:(?:[ \t#].*)?\n)*", "", whole) + sources
    with open(agent.config, "w", encoding="utf-8") as f:
        f.write(whole)
    agent.command("check", "--offline")
    return dict(re.findall(r"(?m)^  (\S+):\n    files: '(.*)'$", sources))


def uncommented(out):
    """With the sources and the sites that are printed as comments."""
    out = re.sub(r"(?m)^  # (\S+:$|  \S)", r"  \1", out)
    return re.sub(r"(?m)^# (sites:$|  - )", r"\1", out)


def explained(agent, source, path):
    """What the pasted source makes of each line."""
    _, out, _ = agent.command("explain", "--json", "--source", source, path)
    found = [json.loads(line) for line in out.splitlines()]
    check(found and all(x["ok"] for x in found), f"{source}: {out}")
    return found


PINO = {"level": 30, "time": 1793664624250, "req": {"method": "GET", "url": "/docs/?v=2", "headers":
        {"host": "www.example.com", "user-agent": 'curl "8"'}, "remoteAddress": "203.0.113.20"}, "res": {"statusCode": 200}}
HAPROXY = ("203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https~ web/web1 0/0/1/11/12 200 6329 - - ---- 2/2/0/0/0 0/0 "
           '"GET /docs/?v=2 HTTP/1.1"')
COMBINED = '203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] "GET /docs/?v=2 HTTP/1.1" 200 6329 "-" "curl \\x228\\x22"'
IN_JSON = json.dumps({"time_iso8601": "2026-11-03T00:10:24+00:00", "remote_addr": "203.0.113.20", "host": "www.example.com",
                      "request": "GET /docs/?v=2 HTTP/1.1", "status": 200, "http_user_agent": 'curl "8"'})
BEHIND = {"cri": lambda line: f"2026-11-03T00:10:24.186641234Z stdout F {line}\n",
          "docker": lambda line: json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-11-03T00:10:24.186641Z"},
                                            separators=(",", ":")) + "\n",
          "syslog": lambda line: f"<190>Nov  3 00:10:24 web1 server[12]: {line}\n"}


def test_behind_collectors(world):
    """The prefix and the format in one; what is printed reads the logs as they are."""
    wanted, paths, sources = {}, [], ""
    for prefix, put in BEHIND.items():
        for form, line in (("nginx_combined", COMBINED), ("nginx_json", IN_JSON), ("haproxy_http", HAPROXY),
                           ("json", json.dumps(PINO))):
            name = f"{prefix}-{form}"
            paths.append(log(world, name + ".log", put(line) * 20))
            own = form == "haproxy_http" and prefix == "syslog"  # it knows that one itself
            wanted[name] = form if own else f"{prefix}+{form}"
    _, out, _ = detect(world, "--json", *paths)
    for (name, spec), text in zip(wanted.items(), out.splitlines()):
        found = json.loads(text)
        check(found["format"].split(":")[0] == spec and found["rate"] == 1, text)
        check(found["guessed"] == name.endswith("-json"), text)
    _, out, _ = detect(world, *paths)
    for name, text in zip(wanted, re.findall(r"(?m)^  web:\n((?:    .*\n)+)", out)):
        sources += f"  {name}:\n{text}"
    agent = world.agent("http://127.0.0.1:1")
    files = paste(agent, "\nsources:\n" + sources)
    check(list(files.values()) == paths, sources)
    for name in ("cri-nginx_combined", "docker-json", "docker-nginx_combined", "syslog-nginx_json", "docker-haproxy_http"):
        for x in explained(agent, name, files[name]):
            check((x["hit"]["path"], x["hit"]["query"], x["hit"]["status"]) == ("/docs/", "v=2", 200), f"{x}")
            check("haproxy" in name or x["hit"]["user_agent"] == 'curl "8"', f"{x}")


def test_keys_of_json(world):
    """JSON of no table: guessed, said so, and told what is missing where it cannot be."""
    path = log(world, "pino.log", (json.dumps(PINO) + "\n") * 9 + json.dumps({"level": 30, "msg": "hello"}) + "\n")
    _, out, _ = detect(world, path)
    check("a guess at its keys, fits 9 of the first 10 lines (90.0 %)" in out and "# guessed" in out, out)
    odd = log(world, "odd.log", json.dumps({"level": 30, "no": "x", "a b": {"c": "/d"}}) + "\n")
    _, out, _ = detect(world, odd, expect=65)
    check("the keys level, no, a b.c. None of them" in out and "time, path, status. Write the keys" in out, out)
    check("lines are JSON, with the keys of none" in out and "nginx" not in out.partition("\n")[0], out)
    _, _, err = run([world.agent_bin, "report", odd], world.dir, expect=65)
    check("lines are JSON, with the keys of none" in err and "nginx_combined" not in err, err)
    _, out, _ = detect(world, "--json", odd, expect=65)
    found = json.loads(out)
    check(found["keys"] == ["level", "no", "a b.c"] and found["format"] is None and not found["guessed"], out)
    # Keys that YAML would take for something else.
    odd = log(world, "odder.log", json.dumps({"t": {"y": 1}, "at": 1793664624, "on": {"url": "/a'b"}, "1": {"sc": 200},
                                              "ua: #": "it's"}) + "\n")
    _, out, _ = detect(world, odd)
    agent = world.agent("http://127.0.0.1:1")
    paste(agent, out)
    check(explained(agent, "web", odd)[0]["hit"]["user_agent"] == "it's", out)
    # A table that has some of the keys, and no status.
    drain = log(world, "drain.log", json.dumps({"timestamp": 1793664624250, "host": "www.example.com", "path": "/a", "proxy": {
        "method": "GET", "path": "/a?b=1", "userAgent": ["curl/8"], "statusCode": 200, "clientIp": "203.0.113.4"}}) + "\n")
    _, out, err = run([world.agent_bin, "explain", "--json", drain], world.dir)
    check(json.loads(out)["hit"]["status"] == 200 and json.loads(out)["hit"]["user_agent"] == "curl/8", out + err)
    # For a look it is good enough, and said to be a guess; a daemon does not take it (test_auto).
    _, out, err = run([world.agent_bin, "report", path], world.dir)
    check("logferry: format json:{" in err and "(guessed; fits 9 of the first 10 lines" in err, out + err)
    _, out, err = run([world.agent_bin, "explain", "--json", path], world.dir)
    check(json.loads(out.splitlines()[0])["hit"]["path"] == "/docs/" and "(guessed; " in err, out + err)


def test_json_in_other_shapes(world):
    """Lists, objects over several lines, a list in an object: what makes lines of them is told."""
    record = {"time": "2026-11-03T00:10:24Z", "remote_addr": "203.0.113.20", "request": "GET / HTTP/1.1", "status": 200}
    for text, jq in ((json.dumps([record, record]), ".[]"), ("[" + json.dumps(record) + ",\n" + json.dumps(record) + "]", ".[]"),
                     (json.dumps([record], indent=2), ".[]"), (json.dumps(record, indent=2), "."),
                     (json.dumps({"Records": [record]}, separators=(",", ":")), ".Records[]")):
        path = log(world, "lines.json", text + "\n")
        _, out, _ = detect(world, path, expect=65)
        check(out == f"{path}: JSON, but not one object a line, as it is read: `jq -c '{jq}' {path} | logferry detect -`\n", out)
    _, out, _ = detect(world, log(world, "tags.json", json.dumps({"tags": [1], "no": "x"}, separators=(",", ":"))), expect=65)
    check("jq" not in out and "the keys tags, no. None" in out, out)


def test_pasted_configuration(world):
    """What it prints of a log is a configuration that the agent takes."""
    base = lines.default_base()
    agent = world.agent("http://127.0.0.1:1")
    for name, text in (("access.log", "".join(lines.combined(n, base) for n in range(10))),
                       ("it's.log", "".join(lines.combined(n, base) for n in range(10))),
                       ("cdn.log", lines.CF_HEADER + "".join(lines.cloudfront(n, base) for n in range(10)))):
        _, out, _ = detect(world, log(world, name, text))
        paste(agent, out)
        explained(agent, "web", world.path(name))


NGINX_LOGS = """daemon off; pid {0}/pid; error_log {0}/error.log;
events {{}}
http {{
    client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0}; uwsgi_temp_path {0}; scgi_temp_path {0};
    log_format js escape=json '{{"t":"$time_iso8601","a":"$remote_addr","req":"$request","s":$status,'
                              '"ua":"$http_user_agent","v":"$host"}}';
    log_format none escape=none '$host [$time_iso8601] $status "$request" it\\'s "$http_user_agent"';
    log_format plain "$host '$remote_addr' [$time_local] \\"$request\\" $status \\"$http_user_agent\\" # $msec";
    server {{
        listen unix:{0}/s;
        server_name www.example.com;
        access_log {0}/access.log;
        access_log {0}/js.log js;
        access_log {0}/none.log none;
        access_log {0}/plain.log plain;
        location / {{ return 200; }}
    }}
}}
"""


def test_pasted_configuration_of_nginx(world):
    """`nginx -T | logferry detect -`, pasted, reads what that nginx has written: each escape, quotes of each kind."""
    world.write("nginx.conf", NGINX_LOGS.format(world.dir))
    argv = ["nginx", "-e", world.path("error.log"), "-p", world.dir, "-c", world.path("nginx.conf")]
    _, dump, _ = run([*argv, "-T"], world.dir, 30)
    nginx = Proc(argv, world.dir, "nginx")
    wait_for(lambda: os.path.exists(world.path("s")) and os.path.exists(world.path("pid")), 10, "nginx")
    agents = ["plain", 'a "b" c', "back\\slash", "tab\there", "umlaut \u00e4", "it's {x} #y: z"]
    for agent in agents:
        run(["curl", "-sS", "--unix-socket", world.path("s"), "-A", agent, "http://www.example.com/d/?v=2"], world.dir, 30)
    nginx.stop()
    _, out, _ = detect(world, "-", stdin=dump)
    agent = world.agent("http://127.0.0.1:1")
    check(len(paste(agent, out)) == 1, f"the same requests are read twice: {out}")
    files = paste(agent, uncommented(out))
    check(sorted(os.path.basename(f) for f in files.values()) == ["access.log", "js.log", "none.log", "plain.log"], out)
    for source, path in files.items():
        found = explained(agent, source, path)
        none = path.endswith("none.log")  # nothing is escaped: that quote cannot be told from the column's
        check([x["hit"]["user_agent"] for x in found if not none or '"' not in x["hit"]["user_agent"]] ==
              [a for a in agents if not none or '"' not in a], f"{source}: {found}")
        check(all((x["hit"]["path"], x["hit"]["query"], x["hit"]["status"]) == ("/d/", "v=2", 200) for x in found), f"{found}")
        if not path.endswith("access.log"):
            check(all(x["hit"]["host"] == "www.example.com" for x in found), f"{found}")


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
    _, out, _ = detect(world, world.path("apache2.conf"))
    world.mkdir("logs")
    agent = world.agent("http://127.0.0.1:1")
    ((source, path),) = paste(agent, out).items()
    log(world, "logs/a.log", '203.0.113.9 - - [03/Nov/2026:00:10:24 +0000] "GET /d HTTP/1.1" 304 - "-" "a \\"b\\""\n')
    hit = explained(agent, source, path)[0]["hit"]
    check(hit["user_agent"] == 'a "b"' and hit["path"] == "/d", f"{hit}")


COMMON = 'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common\n'
COMBINED_OF_APACHE = 'LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined\n'
RHEL = COMBINED_OF_APACHE + """ServerName main.example.com
CustomLog /var/log/httpd/access_log combined
<VirtualHost _default_:443>
TransferLog /var/log/httpd/ssl_access_log
CustomLog /var/log/httpd/ssl_request_log "%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \\"%r\\" %b"
</VirtualHost>
"""
CPANEL = COMBINED_OF_APACHE + r"""LogFormat "%{User-agent}i" agent
CustomLog /var/log/httpd/access_log combined
<VirtualHost 192.0.2.1:80>
  ServerName example.com
  ServerAlias www.example.com mail.example.com
  CustomLog /domlogs/example.com-bytes_log "%{%s}t %I .\n%{%s}t %O ."
  CustomLog /domlogs/example.com combined
  CustomLog /var/log/agent_log agent
</VirtualHost>
"""
DISTINCT = """log_format json escape=json '{"t":"$time_iso8601","a":"$remote_addr","r":"$request","s":$status,"ua":"$http_user_agent"}';
log_format bytes_log "$msec $bytes_sent .";
log_format lame '$remote_addr "$http_user_agent"';
log_format tabs "time:$time_iso8601\\turi:$uri\tvhost:$host\\tua:$http_user_agent\\tip:$remote_addr\\tstatus:$status";
log_format vhost '$host $remote_addr [$time_local] "$request" $status "$http_user_agent"';
server { server_name a.example www.a.example; access_log /l/a.log if=$loggable; access_log /l/a.json json; }
server { server_name a.example b.example; access_log /l/b.log; access_log /l/b.bytes bytes_log; access_log /l/c.log lame; }
server { server_name d.example b.example; access_log /l/d.log; access_log "/l/e{x}$host.log"; }
server { server_name e.example; access_log /l/e.log; access_log off; }
server { server_name g.example; access_log /l/g.tsv tabs; }
server { server_name f.example; access_log "/l/NAME.log" vhost; access_log /l/f.log if=$bot; access_log memory:32m; }
""".replace("NAME", "long-" * 40)


def test_what_is_printed_is_taken(world):
    """Whatever the configuration holds: `check` takes what is printed, and its comments uncommented too."""
    agent = world.agent("http://127.0.0.1:1")
    for text, active, all_of_them in (
            (RHEL, {"access_log", "ssl_access_log"}, {"access_log", "ssl_access_log", "ssl_request_log"}),
            (CPANEL, {"access_log", "example.com"}, {"access_log", "example.com"}),
            (DISTINCT, {"a.json", "b.log", "d.log", "g.tsv", "long-" * 40 + ".log"},
             {"a.log", "f.log"} | {"a.json", "b.log", "d.log", "g.tsv", "long-" * 40 + ".log"})):
        path = log(world, "web.conf", text)
        _, out, _ = detect(world, path)
        check({os.path.basename(f) for f in paste(agent, out).values()} == active, out)
        check({os.path.basename(f) for f in paste(agent, uncommented(out)).values()} == all_of_them, out)
        check("\nsites:" in uncommented(out), out)


def test_not_read_and_why(world):
    _, out, _ = detect(world, log(world, "web.conf", CPANEL))
    check(re.search(r"(?m)^# not read: /domlogs/example\.com-bytes_log \(.*web\.conf:7\): .*line break", out), out)
    check(re.search(r"(?m)^# not read: /var/log/agent_log \(.*web\.conf:9\): .*the time of the request", out), out)
    check("  # the main server's: " in out, out)
    _, out, _ = detect(world, log(world, "web.conf", DISTINCT))
    for name, why in (("b.bytes", "the path of the request"), ("c.log", "the time of the request"), (r"e\{x\}\$host.log", "braces")):
        check(re.search(rf"(?m)^# not read: /l/{name} \(.*\): .*{why}", out), f"{name}: {out}")
    check(re.search(r"(?m)^# not read: memory:32m .*error_log", out) and "/l/e.log" not in out, out)


def test_main_server_of_apache(world):
    """Its log is printed beside those of the virtual hosts; its name is that of a host without one."""
    path = log(world, "httpd.conf", RHEL)
    _, out, _ = detect(world, "--json", path)
    found = {os.path.basename(x["path"]): x for x in json.loads(out)["logs"]}
    check({name: (x["main_server"], x["same_as"]) for name, x in found.items()} ==
          {"access_log": (True, None), "ssl_access_log": (False, None), "ssl_request_log": (False, "/var/log/httpd/ssl_access_log")}, out)
    check(all(x["hosts"] == ["main.example.com"] for x in found.values()), out)
    _, out, _ = detect(world, path)
    check(re.search(r"(?m)^  access_log-3:\n(    .*\n)*    # the main server's: ", out), out)
    check("  # ssl_access_log-1 has the same requests; reading both counts them twice\n  # ssl_request_log-2:\n  #   files: " in out, out)
    # A name that only the dump has, by the file and line of the section.
    dump = f"""VirtualHost configuration:
*:443                  web1.example.com ({path}:4)
ServerRoot: "{world.dir}"
"""
    _, out, _ = detect(world, "--json", "-", stdin=dump)
    found = {os.path.basename(x["path"]): x["hosts"] for x in json.loads(out)["logs"]}
    check(found["ssl_access_log"] == ["web1.example.com"] and found["access_log"] == ["main.example.com"], out)


def test_files_that_cannot_be_read(world):
    """Which, why, and what helps."""
    closed = world.mkdir("closed")
    log(world, "closed/a.conf", "<VirtualHost *:80>\nCustomLog /l/a.log combined\n</VirtualHost>\n")
    dump = f'VirtualHost configuration:\n*:80  a.example ({world.path("closed/a.conf")}:1)\n*:80  b.example ({world.path("gone.conf")}:1)\n'
    main = log(world, "main.conf", f"ServerRoot {world.dir}\nCustomLog /l/x.log combined\nInclude closed/*.conf\n")
    os.chmod(world.path("closed"), 0)
    argv = [world.agent_bin, "detect"]
    if os.getuid() == 0:  # who reads everything
        os.chmod(world.dir, 0o755)
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]
    code, _, err = run([*argv, "-"], world.dir, 30, stdin=dump.encode(), expect=None)
    check(code == 77, f"{code}: {err}")
    check(f"{world.path('closed/a.conf')} cannot be read (Permission denied); its logs are missing below; try it with sudo\n" in err, err)
    check(f"{world.path('gone.conf')} cannot be read (No such file or directory); its logs are missing below\n" in err, err)
    _, _, err = run([*argv, main], world.dir, 30, expect=None)
    check(f"{world.path('closed')} cannot be read (Permission denied); its logs are missing below; try it with sudo\n" in err, err)
    os.chmod(world.path("closed"), 0o755)


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
    odd = log(world, "odd.log", (json.dumps(PINO) + "\n") * 20)  # a guess is for somebody to look at
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


def test_a_job_outlives_a_decision(world):
    """A backfill that the daemon does goes on while the format of another source becomes known."""
    server = world.server().start()
    late = world.path("late.log")
    open(late, "w").close()
    history = lines.Log(world.path("old.log"), first=100000)
    history.write(40000)  # several fills: the rate holds between them
    agent = world.agent(server)
    agent.sources["late"] = {"files": late, "format": "auto"}
    agent.configure()
    agent.start()
    job = agent.start_backfill("--source", "web", "--rate", "3000", history.path)
    agent.proc.wait_event("job_started", 20)
    with open(late, "w") as f:
        f.write("".join(lines.combined(n, lines.default_base()) for n in range(20)))
    agent.proc.wait_event("format_detected", 30)
    agent.proc.wait_event("started", 20, 2)
    check(job.alive() and not agent.proc.events("job_finished"), "it was over before")
    check(job.wait(60) == 0, job.text())
    wait_stored(server, history.written + list(range(20)))
    agent.stop()


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
