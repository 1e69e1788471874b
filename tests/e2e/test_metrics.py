"""What Prometheus is told by both programs, and the rules that alert by it."""
import http.client
import json
import os
import re
import socket
import time

import lines
from exposition import judge, promtool
from harness import SITE, expected, wait_stored, wait_sunk
from proc import check, wait_for


def port_of(proc):
    return int(wait_for(lambda: proc.events("metrics_served"), 10, "metrics to be served")[-1]["port"])


def get(port, path="/metrics", method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def value(samples, name, **labels):
    found = [v for (n, have), v in samples.items() if n == name and labels.items() <= dict(have).items()]
    check(len(found) == 1, f"{name} {labels}: {len(found)} series")
    return found[0]


def test_agent(world):
    """Every family of the agent, while all is well and while its destination is not."""
    sink = world.sink()
    log = lines.Log(world.path("access.log"))
    log.write(1000)
    agent = world.agent(sink, extra="metrics: {listen: 127.0.0.1:0}\n").start()
    port = port_of(agent.proc)
    wait_sunk(sink, log.written)

    def scrape():
        status, headers, text = get(port)
        check(status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", f"{headers}")
        return judge(text, "the agent's metrics")[0]

    now = wait_for(lambda: (lambda s: value(s, "logferry_source_behind_bytes") == 0 and s)(scrape()), 15, "nothing behind")
    records = sum(expected(log.written).values())
    check(value(now, "logferry_lines_total", source="web") == 1000, f"{now}")
    check(value(now, "logferry_records_total", source="web") == records, f"{now}")
    skipped = sum(v for (n, _), v in now.items() if n == "logferry_lines_skipped_total")
    check(skipped == 1000 - records, f"{skipped} skipped")
    check(value(now, "logferry_destination_records_total", outcome="stored") == records, f"{now}")
    check(value(now, "logferry_destination_state", state="ready") == 1, f"{now}")
    check(value(now, "logferry_source_oldest_unread_seconds") == 0, f"{now}")
    check(value(now, "logferry_balanced") == 1, f"{now}")
    for name in ("logferry_source_last_read_timestamp_seconds", "process_start_time_seconds",
                 "logferry_destination_last_success_timestamp_seconds"):
        check(abs(value(now, name) - time.time()) < 120, f"{name}: {value(now, name)}")
    check(value(now, "logferry_source_last_line_timestamp_seconds") > 0, f"{now}")
    check(value(now, "logferry_shelf_limit_bytes", shelf="spool") == 1 << 30, f"{now}")
    check(value(now, "process_resident_memory_bytes") > 1 << 20 and value(now, "process_open_fds") > 3, f"{now}")
    sink.mood = 503
    with open(log.path, "a", encoding="ascii") as f:
        f.write("no line of this format\n")
    log.write(100)
    wait_for(lambda: value(scrape(), "logferry_shelf_files", shelf="spool") > 0, 15, "a spooled batch")
    bad = scrape()
    check(value(bad, "logferry_lines_skipped_total", reason="unparsable") == 1, f"{bad}")
    check(value(bad, "logferry_destination_failures_total", reason="server") > 0, f"{bad}")
    check(value(bad, "logferry_destination_state", state="waiting") == 1, f"{bad}")
    check(value(bad, "logferry_destination_waiting_records", **{"in": "spool"}) > 0, f"{bad}")
    by_command = judge(agent.command("status", "--metrics")[1], "status --metrics")
    check(set(by_command[0]) == set(bad), f"{set(by_command[0]) ^ set(bad)}")
    others_and_hostile(agent, port, scrape)
    moved(agent)
    return by_command[1]


def test_unread_and_many_sources(world):
    """What is not read yet has an age; of more than a hundred sources the last ones share a place."""
    sink = world.sink()
    sink.mood = 503  # nothing is read before it is known which sites are wanted
    logs = [lines.Log(world.path(f"s{i}.log"), first=1000 * i) for i in range(103)]
    for log in logs:
        log.write(10)
    sources = {f"s{i}": {"files": log.path, "format": "nginx_combined"} for i, log in enumerate(logs)}
    agent = world.agent(sink, sources=sources).start()

    def ask():
        return judge(agent.command("status", "--metrics")[1], "status --metrics")[0]

    def all_of(samples, name):
        return {dict(labels)["source"]: v for (n, labels), v in samples.items() if n == name}

    unread = wait_for(lambda: (lambda s: min(all_of(s, "logferry_source_oldest_unread_seconds").values()) > 0 and s)(ask()),
                      20, "an age of what is unread")
    check(len(all_of(unread, "logferry_lines_total")) == 101, f"{sorted(all_of(unread, 'logferry_lines_total'))}")
    check(set(all_of(unread, "logferry_lines_total").values()) == {0}, "something was read")
    sink.mood = None
    wait_sunk(sink, [n for log in logs for n in log.written])
    now = wait_for(lambda: (lambda s: max(all_of(s, "logferry_source_oldest_unread_seconds").values()) == 0 and s)(ask()),
                   20, "nothing unread")
    count = all_of(now, "logferry_lines_total")
    check(count["(other)"] == 30 and count["s0"] == 10 and sum(count.values()) == 1030, f"{count}")


def others_and_hostile(agent, port, scrape):
    """Other requests, junk, silence, too many at once; the daemon goes on."""
    for method, path, status in (("GET", "/", 404), ("POST", "/metrics", 405), ("HEAD", "/metrics", 405)):
        check(get(port, path, method)[0] == status, f"{method} {path}")
    silent = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(12)]
    ended = 0
    for s in silent[8:]:  # over the cap: closed at once
        s.settimeout(10)
        ended += s.recv(1) == b""
    check(ended == 4, f"{ended} of 4 connections over the cap were closed")
    silent[0].sendall(b"A" * 5000)
    check(silent[0].recv(12) == b"HTTP/1.1 400", "an endless head")
    for s in silent:
        s.close()

    def answered():
        try:
            return scrape()
        except OSError:  # their ends may not have been seen yet
            return None
    wait_for(answered, 10, "an answer after the hostile ones")


def moved(agent):
    """A reload: the same port stays open, another one replaces it, none closes it."""
    def reload(extra):
        before = len(agent.proc.events("started"))
        agent.configure(extra=extra)
        agent.proc.signal(1)
        wait_for(lambda: len(agent.proc.events("started")) > before, 20, "a reload")
        return agent.proc.events("metrics_served")
    first = port_of(agent.proc)
    check(len(reload("metrics: {listen: 127.0.0.1:0}\n")) == 1 and get(first)[0] == 200, "the port was closed")
    check(len(reload("metrics: {listen: '[::1]:0'}\n")) + len(agent.proc.events("metrics_not_served")) == 2, "no other port")
    reload("")
    for port in {int(e["port"]) for e in agent.proc.events("metrics_served")}:
        for host in ("127.0.0.1", "::1"):
            try:
                socket.create_connection((host, port), 5).close()
            except OSError:
                continue
            check(False, f"{host}:{port} is still open")


def test_server(world):
    """The server's families and its access log, after an agent, a bad token, junk and many strangers."""
    config = world.write("server.yaml", "metrics: {listen: '127.0.0.1:0'}\naccess_log: all\n")
    server = world.server(config=config).start()
    port = port_of(server.proc)
    log = lines.Log(world.path("access.log"))
    log.write(500)
    agent = world.agent(server).start()
    wait_stored(server, log.written)
    records = sum(expected(log.written).values())

    def scrape():
        status, headers, text = get(port)
        check(status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", f"{headers}")
        return judge(text, "the server's metrics")

    check(server.request("GET", "/metrics")[0] == 404, "the API serves metrics")
    check(get(port, "/api/sites")[0] == 404, "the metrics' port serves the API")
    secret = "lf_secret_secret_secret_secret"
    check(server.request("GET", "/api/sites?token=querysecret", token=secret)[0] == 401, "a bad token is good")
    host, _, number = server.address.rpartition(":")
    with socket.create_connection((host, int(number)), 10) as s:
        s.sendall(b"GET /\x1b[2J HTTP/9.9\r\n\r\n")
        check(s.recv(4096).startswith(b"HTTP/1.1 505"), "another version of HTTP is answered")
    with socket.create_connection((host, int(number)), 20) as s:
        s.sendall(b"GET /nothing/pathsecret HTTP/1.1\r\nHost: x\r\n\r\n" * 59
                  + b"GET /nothing/pathsecret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: s.recv(65536), b""))
        check(answers.count(b"404 Not Found") == 60, f"{answers[-200:]}")
    now, said = scrape()
    check(value(now, "logferry_server_records_total", outcome="stored") == records, f"{now}")
    batch = {"method": "POST", "route": "/api/ingest/server/batch"}
    check(value(now, "logferry_server_requests_total", code="2xx", **batch) >= 1, f"{now}")
    check(value(now, "logferry_server_requests_total", route="-", code="4xx") == 61, f"{now}")
    check(value(now, "logferry_server_unauthorized_total") == 1, f"{now}")
    check(value(now, "logferry_server_commit_duration_seconds_count") >= 1, f"{now}")
    check(value(now, "logferry_server_request_duration_seconds_count") >= 62, f"{now}")
    check(value(now, "logferry_server_sites") == 1 and value(now, "logferry_server_clients") == 1, f"{now}")
    check(value(now, "logferry_server_store_full") == 0 and value(now, "process_open_fds") > 3, f"{now}")
    access_log(server)
    nodes(server, agent, secret)
    return said


def access_log(server):
    events = server.proc.events("request")
    good = [e for e in events if e["route"] == "/api/ingest/server/batch"]
    check(good and good[0]["client"] == "t" and good[0]["status"] == 200 and good[0]["method"] == "POST"
          and good[0]["in"] > 0 and good[0]["out"] > 0, f"{good}")
    bad = [e for e in events if e["status"] == 401]
    check(len(bad) == 1 and bad[0]["route"] == "/api/sites" and bad[0]["client"] == "", f"{bad}")
    text = server.proc.text()
    for word in ("querysecret", "pathsecret", "lf_secret", server.token, "127.0.0.1 ", "\x1b"):
        check(word not in text.replace("address=127.0.0.1", ""), f"{word!r} is in the log")
    strangers = [e for e in events if e["route"] == "-"]
    held = sum(e["held_back"] for e in events)
    check(len(strangers) + held <= 62 and len(strangers) < 62, f"{len(strangers)} lines, {held} held back")


def nodes(server, agent, secret):
    """Who is out there, by the metrics and by the command, over a restart; strangers add nobody."""
    server.request("GET", "/api/sites", token=secret, headers={"Logferry-Status": "node=evil"})
    server.request("GET", "/api/sites", token=server.token, headers={"Logferry-Status": "node=a/b"})
    server.request("GET", "/api/sites", token=server.token,
                   headers={"Logferry-Status": "node=far version=9.9 lag_ms=7200000 waiting=12"})
    agent.stop()
    server.stop()
    rows = {row["node"]: row for row in map(json.loads, server.cli("agents", "--json").splitlines())}
    check(set(rows) == {"agent", "far"}, f"{rows}")
    check(rows["agent"]["today"] == server.count() and rows["agent"]["version"] and rows["agent"]["waiting"] == 0
          and rows["agent"]["seen"][:10] >= "2026", f"{rows}")
    check(rows["far"]["lag_seconds"] == 7200 and rows["far"]["waiting"] == 12 and rows["far"]["version"] == "9.9"
          and rows["far"]["today"] == 0, f"{rows}")
    text = server.cli("agents")
    check("/ far\n  version  9.9\n" in text and "  lag      2 h\n  waiting  12 records" in text, text)
    before = len(server.proc.events("metrics_served"))
    server.start()
    port = int(wait_for(lambda: server.proc.events("metrics_served"), 10, "metrics")[-1]["port"])
    check(before == 1, f"{before}")
    now = judge(get(port)[2], "the server's metrics after a restart")[0]
    check(value(now, "logferry_server_node_lag_seconds", node="far") == 7200, f"{now}")
    seen = value(now, "logferry_server_node_last_seen_timestamp_seconds", node="agent")
    check(abs(seen - time.time()) < 120 and value(now, "logferry_server_nodes") == 2, f"{now}")


TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


def test_alert_rules(world):
    """Each rule asks for metrics that there are, is explained, and fires and is quiet in its test."""
    with open(os.path.join(TOP, "docs/alerts.rules.yml"), encoding="utf-8") as f:
        rules = f.read()
    with open(os.path.join(TOP, "docs/metrics.md"), encoding="utf-8") as f:
        page = f.read()
    with open(os.path.join(TOP, "tests/alerts/alerts.test.yml"), encoding="utf-8") as f:
        tests = f.read()
    asked = set(re.findall(r"\b(?:logferry|process)_[a-z_]+", rules))
    check(len(asked) > 15, f"only {sorted(asked)}")
    missing = [m for m in asked if f"`{m}`" not in page]
    check(not missing, f"rules ask for metrics that there are not: {missing}")
    alerts = re.findall(r"alert: (\w+)", rules)
    check(len(alerts) > 15 and len(set(alerts)) == len(alerts), f"{alerts}")
    for alert in alerts:
        check(f"| `{alert}` |" in page, f"docs/metrics.md does not say what to do on {alert}")
        check(f"name: {alert} fires" in tests and tests.count(f"m, alertname: {alert}}}") == 2,
              f"{alert} has no test, in tests/alerts/alerts.test.yml")
    there, said = promtool("check", "rules", os.path.join(TOP, "docs/alerts.rules.yml"))
    check(not said, said)
    said = promtool("test", "rules", "alerts.test.yml", cwd=os.path.join(TOP, "tests/alerts"))[1]
    check(not said, said)
    return "" if there else "no promtool: skipped its part"
