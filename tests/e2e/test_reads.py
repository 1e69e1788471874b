"""The read endpoints over what an agent has delivered from a log, against counts that are made from the log alone."""
import collections
import csv
import io
import json
import time
import urllib.parse

import mmdb
from harness import SITE
from proc import check

GPTBOT = "Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)"
CLAUDE = "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
DAY = 86400
FIRST = int(time.time()) // DAY * DAY - 6 * DAY  # six days ago, 00:00 UTC


def write_log(path):
    """Three days of fetches and visits; the lines that make records, as (time, agent, path, status, bytes, referrer, ip)."""
    records = []
    for n in range(600):
        at = FIRST + n * 431  # every 7 minutes, on three days
        page = f"/guide/{n % 7}" + ("?utm_source=letter" if n % 11 == 0 else "")
        if n % 3 == 0:
            records.append((at, GPTBOT, page, 404 if n % 5 == 0 else 200, 1000 + n, "-", "198.51.100.7"))
        elif n % 3 == 1:
            records.append((at, CLAUDE, page, 200, 2000 + n, "-", "198.51.100.8"))
        else:
            referrer = "https://chatgpt.com/" if n % 4 == 0 else "https://www.google.com/"
            records.append((at, FIREFOX, page, 200, 3000 + n, referrer, f"203.0.113.{n % 20}"))
    with open(path, "w", encoding="ascii") as f:
        for at, agent, page, status, size, referrer, ip in records:
            stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))
            f.write(f'{ip} - - [{stamp}] "GET {page} HTTP/1.1" {status} {size} "{referrer}" "{agent}"\n')
    return [r for r in records if r[1] != FIREFOX], [r for r in records if r[1] == FIREFOX]


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class Reader:
    def __init__(self, server):
        self.server, self.token = server, server.client("reader", f"{SITE}=viewer")
        self.site = json.loads(self.bytes("/api/sites"))[0]["id"]

    def bytes(self, path, /, **query):
        query = "?" + urllib.parse.urlencode(query) if query else ""
        status, _, body = self.server.request("GET", path + query, token=self.token)
        check(status == 200, f"{path}{query}: {status} {body[:200]!r}")
        return body

    def get(self, what, /, **query):
        return self.bytes(f"/api/sites/{self.site}/{what}", **query)

    def json(self, what, /, **query):
        return json.loads(self.get(what, **query))


def top(counter):
    return [{"name": k, "value": v} for k, v in sorted(counter.items(), key=lambda e: (-e[1], e[0]))[:10]]


def check_fetches(reader, fetches, span):
    o = reader.json("ai-fetch/overview", **span)
    check(o["total_requests"] == len(fetches), f"{o['total_requests']} fetches, {len(fetches)} in the log")
    check(o["unique_paths"] == len({f[2] for f in fetches}) and o["unique_assistants"] == 2, o)
    check(o["error_rate_4xx"] == round(100 * sum(f[3] == 404 for f in fetches) / len(fetches), 2), o)
    check(o["total_bytes"] == sum(f[4] for f in fetches), o)
    check(o["top_paths"] == top(collections.Counter(f[2] for f in fetches)), o)
    check(o["top_error_paths"] == top(collections.Counter(f[2] for f in fetches if f[3] >= 400)), o)
    check(o["top_assistants"] == top(collections.Counter("GPTBot" if f[1] == GPTBOT else "ClaudeBot" for f in fetches)), o)
    one = reader.json("ai-fetch/overview", assistant_name="GPTBot", path="/guide/0", **span)
    check(one["total_requests"] == sum(f[1] == GPTBOT and f[2] == "/guide/0" for f in fetches), one)
    days = collections.Counter(f[0] // DAY for f in fetches)
    series = reader.json("ai-fetch/timeseries", **span)
    check([p["count"] for p in series] == [days[FIRST // DAY + i] for i in range(len(series))] and len(series) >= 4, series)


def check_correlation(reader, fetches, visits, span):
    """By the definition: all pairs."""
    bare = lambda path: path.split("?")[0]
    first = {}
    for at, _, page, _, _, referrer, ip in visits:
        if "chatgpt" in referrer:
            key = (bare(page), ip, at // DAY)
            first[key] = min(at, first.get(key, at))
    window = 1 * DAY
    followed = [any(page == bare(f[2]) and f[0] <= at <= f[0] + window for (page, _, _), at in first.items()) for f in fetches]
    met = {(ip, day) for (page, ip, day), at in first.items()
           if any(bare(f[2]) == page and f[0] <= at <= f[0] + window for f in fetches)}
    c = reader.json("ai-fetch/correlation", window_days=1, **span)
    want = {"total_fetches": len(fetches), "fetched_paths": 7, "ai_referred_visits": len(met),
            "correlated_paths": len({bare(f[2]) for f, yes in zip(fetches, followed) if yes}),
            "uncorrelated_fetches": followed.count(False)}
    check(met and c["summary"] == want, f"{c['summary']}, wanted {want}")
    worst = c["failure_hotspots"][0]
    errors, all_of = sum(f[3] == 404 for f in fetches), sum(f[1] == GPTBOT for f in fetches)
    check((worst["path_prefix"], worst["total_requests"], worst["error_requests"]) == ("/guide", all_of, errors), worst)


def check_stats(reader, visits, span):
    s = reader.json("stats", **span)
    sessions = collections.defaultdict(list)
    for v in visits:
        sessions[(v[6], v[0] // DAY)].append(v[0])
    check((s["total_pageviews"], s["unique_sessions"]) == (len(visits), len(sessions)), s)
    check(abs(s["bounce_rate"] - 100 * sum(len(t) == 1 for t in sessions.values()) / len(sessions)) < 1e-9, s)
    check(abs(s["avg_session_duration"] - sum(max(t) - min(t) for t in sessions.values()) / len(sessions)) < 1e-6, s)
    check(s["top_pages"] == top(collections.Counter(v[2] for v in visits)), s["top_pages"])
    check(s["utm_source_hits"] == sum("utm_source" in v[2] for v in visits), s)
    check(sum(p["pageviews"] for p in s["chart_data"]) == len(visits), s["chart_data"])
    check(s["ai_source_visits"] == len({(v[6], v[0] // DAY) for v in visits if "chatgpt" in v[5]}), s)


def check_activity(reader, fetches, visits, span):
    a = reader.json("ai-activity", **span)
    sent = {(v[6], v[0] // DAY) for v in visits if "chatgpt" in v[5]}
    want = (len(fetches), 0, len(fetches), len(sent), len({f[2] for f in fetches}), 2, len(visits))
    have = tuple(a[k] for k in ("ai_requests", "tracked_hits", "fetch_count", "referral_visits", "paths_crawled", "unique_agents", "pageviews"))
    check(have == want, f"{have}, wanted {want}")
    plain = lambda entries: [{"name": e["name"], "value": e["value"]} for e in entries]
    check(plain(a["top_paths"]) == top(collections.Counter(f[2] for f in fetches)), a["top_paths"])
    check(plain(a["top_sources"]) == [{"name": "ChatGPT", "value": len(sent)}], a["top_sources"])
    check(sum(p["fetch_count"] for p in a["series"]) == len(fetches), a["series"])
    one = reader.json("ai-activity", filter="ai_bot:GPTBot", **span)
    check((one["fetch_count"], one["referral_visits"], one["pageviews"]) == (sum(f[1] == GPTBOT for f in fetches), 0, len(visits)), one)
    tracking = reader.json("tracking/status")
    times = [v[0] for v in visits]
    check((tracking["status"], tracking["first_hit_at"], tracking["last_hit_at"]) == ("live", stamp(min(times)), stamp(max(times))), tracking)
    hits = reader.json("hits", filter="ai_source:ChatGPT", **span)
    check(hits["total"] == sum("chatgpt" in v[5] for v in visits), hits["total"])


def check_exports(reader, server, fetches, visits, span):
    rows = list(csv.DictReader(io.StringIO(reader.get("ai-fetch/export", **span).decode())))
    want = sorted(((stamp(f[0]), f[2], str(f[3]), str(f[4]), f[1]) for f in fetches), reverse=True)
    have = [(r["timestamp"], r["path"], r["status_code"], r["bytes_served"], r["user_agent"]) for r in rows]
    check(sorted(have, reverse=True) == want and [h[0] for h in have] == [w[0] for w in want], "the export is not the log")
    check(len({r["id"] for r in rows}) == len(rows), "an id twice")
    lines = reader.get("hits/export", format="ndjson", **span).decode().splitlines()
    hits = [json.loads(line) for line in lines]
    check([h["timestamp"] for h in hits] == [stamp(v[0]) for v in sorted(visits, reverse=True)], "hits are not the log's")
    check(json.loads(reader.get("hits/export", format="json", **span)) == hits, "json and ndjson differ")
    page = reader.json("hits", limit=7, offset=3, **span)
    check(page["total"] == len(visits) and page["data"] == hits[3:10], f"another page: {page['total']}")
    out = server.cli("export", "--site", SITE, "--kind", "pageviews", "--format", "ndjson")
    check(out.splitlines() == lines, "the command exports other lines")


def test_reads(world):
    server = world.server().start()
    agent = world.agent(server)
    fetches, visits = write_log(world.path("access.log"))
    agent.backfill("--source", "web", world.path("access.log"))
    reader = Reader(server)
    span = {"from": stamp(FIRST), "to": stamp(FIRST + 3 * DAY + DAY // 2)}
    check_fetches(reader, fetches, span)
    check_correlation(reader, fetches, visits, span)
    check_stats(reader, visits, span)
    check_activity(reader, fetches, visits, span)
    check_exports(reader, server, fetches, visits, span)
    # Days of a zone nine hours ahead.
    server.cli("site", "set", SITE, "--time-zone", "Asia/Tokyo")
    days = collections.Counter((f[0] + 9 * 3600) // DAY for f in fetches)
    series = reader.json("ai-fetch/timeseries", **span)
    check([p["count"] for p in series] == [days[FIRST // DAY + i] for i in range(len(series))], series)
    check(series[0]["time"].endswith("T00:00:00+09:00"), series[0])
    server.stop()


COUNTRIES = {"DE": ["192.0.2.0/24", "2001:db8:1::/48"], "AT": ["198.51.100.0/24"]}


def write_countries(path):
    """Visits of two countries and of nowhere, and fetches of an address in one; the visits as (time, page, country)."""
    visits = []
    with open(path, "w", encoding="ascii") as f:
        for n in range(90):
            ip, country = (("192.0.2.7", "DE"), ("203.0.113.9", None), ("198.51.100.3", "AT"), ("2001:db8:1::7", "DE"))[n % 4]
            at, agent = FIRST + n * 600, FIREFOX if n % 3 else GPTBOT
            when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))
            f.write(f'{ip} - - [{when}] "GET /p/{n % 5} HTTP/1.1" 200 100 "-" "{agent}"\n')
            if agent == FIREFOX:
                visits.append((at, f"/p/{n % 5}", country))
    return visits


def check_country(reader, name, visits, span):
    """Stats, hits and export of one country are its visits, whatever it is called."""
    want = [(stamp(at), page, country or "") for at, page, country in sorted(visits, reverse=True) if (country or "(Unknown)") == name]
    s = reader.json("stats", filter=f"country:{name}", **span)
    check(s["total_pageviews"] == len(want) and s["top_countries"] == ([{"name": name, "value": len(want)}] if want else []), s)
    check(sum(p["pageviews"] for p in s["chart_data"]) == len(want), s["chart_data"])
    check(s["top_pages"] == top(collections.Counter(page for _, page, _ in want)), s["top_pages"])
    hits = reader.json("hits", filter=f"country:{name}", limit=100, **span)
    have = [(h["timestamp"], h["path"], h["country_code"] or "") for h in hits["data"]]
    check(have == want and hits["total"] == len(want), f"{name}: {hits['total']} hits, wanted {len(want)}")
    rows = csv.DictReader(io.StringIO(reader.get("hits/export", filter=f"country:{name}", **span).decode()))
    check([(r["timestamp"], r["path"], r["country_code"]) for r in rows] == want, f"{name}: the export is not the log")


def test_countries(world):
    """What geo.country told of a visitor is in the stats, a filter everywhere, and in the exports; an AI fetch has none."""
    geo = world.path("country.mmdb")
    with open(geo, "wb") as f:
        f.write(mmdb.countries(**COUNTRIES))
    server = world.server(config=world.write("server.yaml", f"geo: {{country: {geo}}}\n")).start()
    visits = write_countries(world.path("access.log"))
    world.agent(server).backfill("--source", "web", world.path("access.log"))
    reader = Reader(server)
    span = {"from": stamp(FIRST), "to": stamp(FIRST + DAY)}
    counts = collections.Counter(country or "(Unknown)" for _, _, country in visits)
    s = reader.json("stats", **span)
    check(len(counts) == 3 and s["top_countries"] == top(counts), f"{s['top_countries']}, wanted {top(counts)}")
    for name in ("DE", "AT", "(Unknown)", "FR"):
        check_country(reader, name, visits, span)
    lines = reader.get("hits/export", format="ndjson", **span).decode().splitlines()
    want = [country for _, _, country in sorted(visits, key=lambda v: v[0], reverse=True)]
    check([json.loads(line)["country_code"] for line in lines] == want, "ndjson has other countries")
    check(json.loads(reader.get("hits/export", format="json", **span)) == [json.loads(line) for line in lines], "json differs")
    for form in ("ndjson", "json", "csv"):
        out = server.cli("export", "--site", SITE, "--kind", "pageviews", "--format", form)
        check(out == reader.get("hits/export", format=form, **span).decode(), f"the command exports another {form}")
    fetches = reader.get("ai-fetch/export", format="ndjson", **span).decode().splitlines()
    check(len(fetches) == 30 and not any("country" in line for line in fetches), fetches[0])
    check(server.rows("SELECT count(*) FROM records WHERE kind = 1 AND country IS NOT NULL") == [(0,)], "a fetch with a country")
    server.stop()
