"""Formats of one's own, prefixes and time zones, by the daemon: what stands in the configuration is what is sent."""
import json

from harness import SITE
from proc import check, run, wait_for

BOT = "Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)"
BERLIN = "2026-07-01T10:00:00Z"  # twelve o'clock there

SOURCES = {
    "own": ("{nginx: '$host $remote_addr [$time_iso8601] \"$request\" $status \"$http_user_agent\"'}",
            f'{SITE} 203.0.113.9 [2026-07-01T12:00:00+02:00] "GET /own/%d?a=1 HTTP/1.1" 200 "{BOT}"'),
    "apache": ("{apache: '%h %l %u %t \"%r\" %>s %b \"%{User-Agent}i\" %v'}",
               f'203.0.113.9 - - [01/Jul/2026:12:00:00 +0200] "GET /apache/%d HTTP/1.1" 200 12 "{BOT}" {SITE}'),
    "json": ("{json: {time: ts, target: http.url, status: http.status, user_agent: ua, host: [vhost, http.host]}}",
             '{"ts":"2026-07-01T10:00:00Z","http":{"url":"/json/%d","status":"200","host":"' + SITE + '"},"ua":"' + BOT + '"}'),
    "regex": ("{regex: '^(?<time>\\S+) (?<host>\\S+) (?<method>\\S+) (?<target>\\S+) (?<status>\\d+) (?<user_agent>.*)$'}",
              f"2026-07-01T10:00:00Z {SITE} GET /regex/%d 200 {BOT}"),
    "w3c": ("{w3c: {fields: [date, time, cs-method, x-host-header, cs-uri-stem, sc-status, cs(User-Agent)], delimiter: ','}}",
            f"2026-07-01,10:00:00,GET,{SITE},/w3c/%d,200,{BOT.replace(' ', '%20')}"),
    "pull": ("bunny", "HIT|200|1782900000000|6329|4411|203.0.113.0|-|https://" + SITE + "/pull/%d|DE|" + BOT +
             "|322b688bd63fb63f2babe9de30a5d262|DE"),
    "pod": ("cri+nginx_json",
            '2026-07-01T10:00:01.123456789Z stdout F {"time_iso8601":"2026-07-01T10:00:00+00:00","host":"' + SITE +
            '","request":"GET /pod/%d HTTP/1.1","status":200,"http_user_agent":"' + BOT + '"}'),
    "balancer": ("{haproxy: 'host|user_agent'}",
                 "Jul  1 12:00:00 lb haproxy[77]: 203.0.113.9:4711 [01/Jul/2026:12:00:00.000] fe be/s1 0/0/1/2/3 200 99 - - "
                 f"---- 1/1/0/0/0 0/0 {{{SITE}|{BOT}}} \"GET /balancer/%d HTTP/1.1\""),
}


def paths(sink):
    with sink.lock:
        return {r["path"]: r for _, _, r in sink.records}


def test_formats_of_your_own(world):
    sink = world.sink()
    agent = world.agent(sink)
    agent.sources = {}
    wanted = []
    for name, (form, line) in SOURCES.items():
        path = world.path(name + ".log")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(line.replace("%d", str(n)) + "\n" for n in range(20))
        agent.sources[name] = {"files": path, "format": form, "keys": "    time_zone: Europe/Berlin\n"}
        wanted += [f"/{name}/{n}{'?a=1' if name == 'own' else ''}" for n in range(20)]
    agent.configure()
    agent.start()
    wait_for(lambda: len(sink.records) >= len(wanted), 20, "all of them")
    found = paths(sink)
    check(sorted(found) == sorted(wanted), f"{sorted(set(found) ^ set(wanted))[:9]}")
    for path, record in found.items():
        check(record["hostname"] == SITE and record["status_code"] == 200, f"{path}: {record}")
        check(record["timestamp"].startswith("2026-07-01T10:00:00"), f"{path} at {record['timestamp']}")
    ledger = agent.ledger()
    check(ledger["lines"] == ledger["records"] == len(wanted), json.dumps(ledger))
    agent.stop()


def verdicts(world, form, text):
    path = world.path("some.log")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    out = run([world.agent_bin, "explain", "--json", "--host", SITE, "--format", form, path], world.dir, 30)[1]
    return [(d["verdict"], d["reason"]) for d in map(json.loads, out.splitlines())]


def test_headers_that_decide(world):
    """What a log may have besides: the purpose of a request, the part that was sent, an attachment."""
    form = ('nginx:$remote_addr [$time_iso8601] "$request" $status "$http_user_agent" "$http_sec_purpose" '
            '"$sent_http_content_range" "$sent_http_content_disposition"')
    person = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
    row = f'203.0.113.9 [2026-07-01T12:00:00+02:00] "GET /a HTTP/1.1" %d "{person}" "%s" "%s" "%s"\n'
    text = "".join(row % columns for columns in (
        (200, "-", "-", "-"), (200, "prefetch;prerender", "-", "-"), (206, "-", "bytes 0-99/200", "-"),
        (206, "-", "bytes 100-199/200", "-"), (200, "-", "-", "attachment; filename=a.html")))
    found = verdicts(world, form, text)
    check(found == [("pageview", None), ("skip", "prefetch"), ("pageview", None), ("skip", "status"),
                    ("skip", "download")], f"{found}")
    form = 'w3c:{"fields":["date","time","cs-method","cs-uri-stem","sc-status","cs(User-Agent)","sc-range-start"]}'
    agent = person.replace(" ", "%20")
    text = "".join(f"2026-07-01\t10:00:00\tGET\t/a\t206\t{agent}\t{start}\n" for start in ("-", "0", "100"))
    found = verdicts(world, form, text)
    check([v for v, _ in found] == ["pageview", "pageview", "skip"], f"{found}")
