"""The contract that HitKeep's clients rely on: one request a row, its status, body and headers."""
import json
import time
import urllib.parse
import urllib.request

import lines
from harness import SITE
from proc import check, run, wait_for

VIEWED, FOREIGN = "viewed.example", "foreign.example"
GPTBOT, HUMAN = lines.AI[0], lines.HUMANS[0]
PAGEVIEW, EVENT = "/api/ingest/server/pageview", "/api/ingest/server/event"
MIB = 1 << 16  # the body cap of the single-record endpoints
TEXT = "text/plain; charset=utf-8"


class Desk:
    """A server with one site to write, one to look at, and one without a grant."""

    def __init__(self, world, config="hitkeep_compat: strict\n"):
        path = world.write("server.yaml", config) if config else None
        self.server = world.server(sites=(SITE, VIEWED, FOREIGN), config=path,
                                   grants=[f"{SITE}=ingest", f"{VIEWED}=viewer"])
        everything = self.server.client("all", *[f"{s}=admin" for s in (SITE, VIEWED, FOREIGN)])
        self.server.start()
        self.token = self.server.token
        status, _, body = self.server.request("GET", "/api/sites", token=everything)
        check(status == 200, f"GET /api/sites: {status} {body!r}")
        self.ids = {s["domain"]: s["id"] for s in json.loads(body)}

    def fetch_path(self, site=SITE):
        return f"/api/sites/{self.ids.get(site, site)}/ingest/ai-fetch"

    def post(self, path, body, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        token = None if "Authorization" in headers or headers.pop("No-Token", None) else self.token
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.server.request("POST", path, body, token, headers)

    def expect(self, name, path, body, status, text="", **headers):
        got, fields, answer = self.post(path, body, **headers)
        want = (text + "\n").encode() if text else b""
        problems = []
        if (got, answer) != (status, want):
            problems.append(f"{got} {answer[:120]!r} instead of {status} {want!r}")
        if status == 202:
            if fields.get("Content-Type") is not None or fields.get("Content-Length") != "0":
                problems.append(f"headers of an empty 202: {dict(fields)}")
        elif (fields.get("Content-Type"), fields.get("X-Content-Type-Options")) != (TEXT, "nosniff"):
            problems.append(f"headers of an error: {dict(fields)}")
        return [f"{name}: {p}" for p in problems]


def settle(problems):
    check(not problems, f"{len(problems)} rows differ:\n" + "\n".join(problems))


def fetch(**changes):
    """An AI fetch's payload; a value of None takes the key away."""
    return altered({"path": "/p?q=1", "hostname": SITE, "status_code": 200, "content_type": "text/html",
                    "response_ms": 12, "bytes_served": 4821, "user_agent": GPTBOT}, changes)


def view(**changes):
    return altered({"url": f"https://{SITE}/p?utm_source=x", "timestamp": "2026-11-01T12:00:00Z",
                    "visitor_ip": "203.0.113.9", "user_agent": HUMAN}, changes)


def altered(payload, changes):
    payload.update(changes)
    return {k: v for k, v in payload.items() if v is not None}


def text_of(payload, **raw):
    """JSON with some values written as they are."""
    body = json.dumps(payload)
    for key, value in raw.items():
        body = body[:-1] + f', "{key}": {value}}}'
    return body.encode()


def test_ai_fetch_checks(world):
    desk = Desk(world)
    path, denied, forbidden = desk.fetch_path(), "Access denied", "Forbidden"
    bad, code = "Bad request body", "status_code must be between 100 and 599"
    agent, need_path = "user_agent must match a known AI bot", "path is required"
    unknown = "/api/sites/00000000-0000-4000-8000-000000000000/ingest/ai-fetch"
    rows = [
        ("good", path, fetch(), 202, ""),
        ("smallest", path, {"path": "/", "status_code": 200, "user_agent": "GPTBot/1.2"}, 202, ""),
        ("unknown fields are ignored", path, fetch(timestamp="x", method=7), 202, ""),
        ("no valid site id", "/api/sites/nonsense/ingest/ai-fetch", fetch(), 400, "invalid site ID"),
        ("no such site", unknown, fetch(), 403, denied),
        ("no grant", desk.fetch_path(FOREIGN), fetch(), 403, denied),
        ("a viewer's grant", desk.fetch_path(VIEWED), fetch(), 403, forbidden),
        ("rights before the body", desk.fetch_path(FOREIGN), b"{", 403, denied),
        ("no JSON", path, b"{", 400, bad),
        ("empty body", path, b"", 400, bad),
        ("an array", path, b"[]", 400, bad),
        ("too large", path, json.dumps(fetch(path="/" + "x" * MIB)).encode(), 400, bad),
        ("status as text", path, fetch(status_code="200"), 400, bad),
        ("status 200.0", path, text_of(fetch(status_code=None), status_code="200.0"), 400, bad),
        ("status 2e2", path, text_of(fetch(status_code=None), status_code="2e2"), 400, bad),
        ("path as number", path, fetch(path=7), 400, bad),
        ("null", path, b"null", 400, code),
        ("no status", path, fetch(status_code=None), 400, code),
        ("status 99", path, fetch(status_code=99), 400, code),
        ("status 600", path, fetch(status_code=600), 400, code),
        ("status 599", path, fetch(status_code=599), 202, ""),
        ("status 100", path, fetch(status_code=100), 202, ""),
        ("status before agent", path, fetch(status_code=0, user_agent="curl"), 400, code),
        ("a browser", path, fetch(user_agent=HUMAN), 400, agent),
        ("no agent", path, fetch(user_agent=None), 400, agent),
        ("a search engine", path, fetch(user_agent=lines.BOT), 400, agent),
        ("agent before path", path, fetch(user_agent="", path=""), 400, agent),
        ("no path", path, fetch(path=None), 400, need_path),
        ("blank path", path, fetch(path="  "), 400, need_path),
        ("trailing data is ignored", path, json.dumps(fetch()).encode() + b" {", 202, ""),
        ("keys match in any case", path, {"PATH": "/x", "Status_Code": 200, "USER_AGENT": GPTBOT}, 202, ""),
        ("the last of equal keys wins", path, text_of(fetch(status_code=99), status_code="200"), 202, ""),
        ("negative numbers are no numbers", path, fetch(response_ms=-1, bytes_served=-5), 202, ""),
    ]
    problems = [p for row in rows for p in desk.expect(*row)]
    utf8 = json.dumps(fetch()).encode().replace(b"/p?q=1", b"/p\xff")
    problems += desk.expect("invalid UTF-8 is mended", path, utf8, 202)
    problems += desk.expect("any Content-Type", path, fetch(), 202, Content_Type="text/css")
    problems += desk.expect("an Origin makes no difference", path, fetch(), 202, Origin="https://evil.example")
    for form in (desk.ids[SITE].upper(), "urn:uuid:" + desk.ids[SITE], desk.ids[SITE].replace("-", "")):
        problems += desk.expect(f"id as {form}", f"/api/sites/{form}/ingest/ai-fetch", fetch(), 202)
    settle(problems)


COMMON = [  # (name, changed payload, status, text): the same for pageviews and events
    ("good", {}, 202, ""),
    ("no url", {"url": None}, 400, "url must be an absolute http or https URL"),
    ("relative url", {"url": "/p"}, 400, "url must be an absolute http or https URL"),
    ("ftp", {"url": f"ftp://{SITE}/p"}, 400, "url must be an absolute http or https URL"),
    ("no host", {"url": "https:///p"}, 400, "url must be an absolute http or https URL"),
    ("url before timestamp", {"url": "x", "timestamp": "x"}, 400, "url must be an absolute http or https URL"),
    ("no timestamp", {"timestamp": None}, 400, "timestamp must be RFC3339"),
    ("timestamp without zone", {"timestamp": "2026-11-01T12:00:00"}, 400, "timestamp must be RFC3339"),
    ("timestamp 13th month", {"timestamp": "2026-13-01T12:00:00Z"}, 400, "timestamp must be RFC3339"),
    ("timestamp with fraction and zone", {"timestamp": "2019-02-28T23:59:59.123456+05:30"}, 202, ""),
    ("timestamp before address", {"timestamp": "x", "visitor_ip": "x"}, 400, "timestamp must be RFC3339"),
    ("no address", {"visitor_ip": None}, 400, "visitor_ip must be a valid IP address"),
    ("address with port", {"visitor_ip": "203.0.113.9:80"}, 400, "visitor_ip must be a valid IP address"),
    ("network", {"visitor_ip": "203.0.113.0/24"}, 400, "visitor_ip must be a valid IP address"),
    ("brackets", {"visitor_ip": "[2001:db8::1]"}, 400, "visitor_ip must be a valid IP address"),
    ("IPv6", {"visitor_ip": "2001:db8::1"}, 202, ""),
    ("IPv6 with zone", {"visitor_ip": "fe80::1%eth0"}, 202, ""),
    ("address before agent", {"visitor_ip": "x", "user_agent": ""}, 400, "visitor_ip must be a valid IP address"),
    ("no agent", {"user_agent": None}, 400, "user_agent is required"),
    ("blank agent", {"user_agent": "  "}, 400, "user_agent is required"),
    ("agent before site", {"user_agent": "", "url": "https://nowhere.example/"}, 400, "user_agent is required"),
    ("unknown domain", {"url": "https://nowhere.example/"}, 404, "Site not found"),
    ("subdomain", {"url": f"https://blog.{SITE}/"}, 404, "Site not found"),
    ("no grant", {"url": f"https://{FOREIGN}/"}, 403, "Access denied"),
    ("a viewer's grant", {"url": f"https://{VIEWED}/"}, 403, "Access denied"),
    ("www", {"url": f"https://www.{SITE}/"}, 202, ""),
    ("upper case and port", {"url": f"HTTPS://EXAMPLE.com:8443/"}, 202, ""),
    ("blanks around", {"url": f"\t https://{SITE}/p\u3000", "timestamp": " 2026-11-01T12:00:00Z\n",
                       "visitor_ip": " 203.0.113.9 ", "user_agent": f" {HUMAN} "}, 202, ""),
    ("blanks alone", {"url": " ", "visitor_ip": " "}, 400, "url must be an absolute http or https URL"),
    ("a blank address", {"visitor_ip": " "}, 400, "visitor_ip must be a valid IP address"),
    ("dnt", {"dnt": True}, 202, ""),
    ("session id", {"session_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, 202, ""),
    ("session id is no UUID", {"session_id": "x"}, 400, "Bad request body"),
    ("session id is empty", {"session_id": ""}, 400, "Bad request body"),
    ("dnt is no boolean", {"dnt": 1}, 400, "Bad request body"),
    ("url is a number", {"url": 5}, 400, "Bad request body"),
]


def test_pageview_checks(world):
    desk = Desk(world)
    problems = [p for name, changes, status, text in COMMON
                for p in desk.expect(name, PAGEVIEW, view(**changes), status, text)]
    bad = "Bad request body"
    rows = [
        ("no JSON", b"{", 400, bad),
        ("null", b"null", 400, "url must be an absolute http or https URL"),
        ("too large", json.dumps(view(referrer="x" * MIB)).encode(), 400, bad),
        ("session id null", text_of(view(), session_id="null"), 202, ""),
        ("sizes", view(viewport_width=1280, viewport_height=720, screen_width=1, screen_height=2), 202, ""),
        ("a size as text", view(viewport_width="1280"), 400, bad),
        ("page id is no UUID", view(page_id="7"), 400, bad),
        ("trailing data", json.dumps(view()).encode() + b"x", 202, ""),
    ]
    for name, body, status, text in rows:
        problems += desk.expect(name, PAGEVIEW, body, status, text)
    settle(problems)


def test_event_checks(world):
    desk = Desk(world)
    problems = []
    for name, changes, status, text in COMMON:
        problems += desk.expect(name, EVENT, view(name="signup", **changes), status, text)
    for name, changes, status, text in (
            ("no name", {}, 400, "name is required"),
            ("blank name", {"name": "  "}, 400, "name is required"),
            ("name after rights", {"url": f"https://{FOREIGN}/"}, 403, "Access denied"),
            ("properties", {"name": "x", "properties": {"a": 1, "b": {"c": [1]}}}, 202, ""),
            ("properties are no object", {"name": "x", "properties": 7}, 400, "Bad request body")):
        problems += desk.expect(name, EVENT, view(**changes), status, text)
    settle(problems)


def test_tokens(world):
    """Where a token may stand, and what a bad one is answered: the same for every endpoint."""
    desk = Desk(world)
    gone, token = desk.server.client("gone", f"{SITE}=ingest"), desk.token
    desk.server.cli("client", "revoke", "gone")
    problems = []
    for path, body in ((desk.fetch_path(), fetch()), (PAGEVIEW, view()), (EVENT, view(name="n"))):
        for name, headers, good in (
                ("Bearer", {"Authorization": "Bearer " + token}, True),
                ("bEaReR and blanks", {"Authorization": "  bEaReR   " + token + " "}, True),
                ("X-Api-Key", {"No_Token": "1", "X_Api_Key": token}, True),
                ("Basic and X-Api-Key", {"Authorization": "Basic eDp5", "X_Api_Key": token}, True),
                ("empty Bearer and X-Api-Key", {"Authorization": "Bearer ", "X_Api_Key": token}, True),
                ("wrong Bearer, right X-Api-Key", {"Authorization": "Bearer x", "X_Api_Key": token}, False),
                ("no token", {"No_Token": "1"}, False),
                ("empty Bearer", {"Authorization": "Bearer"}, False),
                ("Basic", {"Authorization": "Basic " + token}, False),
                ("malformed", {"Authorization": "Bearer not a token"}, False),
                ("one digit off", {"Authorization": "Bearer " + token[:-1] + "x"}, False),
                ("cookie", {"No_Token": "1", "Cookie": "hk_token=" + token}, False),
                ("revoked", {"Authorization": "Bearer " + gone}, False)):
            status, text = (202, "") if good else (401, "Unauthorized")
            problems += desk.expect(f"{path}: {name}", path, body, status, text, **headers)
    problems += desk.expect("token before site id", "/api/sites/x/ingest/ai-fetch", b"{", 401,
                            "Unauthorized", No_Token="1")
    status, fields, _ = desk.post(PAGEVIEW, view(), No_Token="1")
    if status != 401 or "WWW-Authenticate" in fields:
        problems.append("a 401 carries WWW-Authenticate")
    settle(problems)


def test_roles(world):
    """owner, admin and ingest may write; editor and viewer may not; a changed grant acts within 1 s."""
    desk = Desk(world)
    problems = []
    for role in ("owner", "admin", "ingest", "editor", "viewer"):
        bearer = {"Authorization": "Bearer " + desk.server.client(role, f"{SITE}={role}")}
        writes = role in ("owner", "admin", "ingest")
        problems += desk.expect(f"{role}: fetch", desk.fetch_path(), fetch(), 202 if writes else 403,
                                "" if writes else "Forbidden", **bearer)
        problems += desk.expect(f"{role}: pageview", PAGEVIEW, view(), 202 if writes else 403,
                                "" if writes else "Access denied", **bearer)
    settle(problems)
    desk.server.cli("client", "grant", "t", f"{FOREIGN}=ingest")
    url = f"https://{FOREIGN}/"
    wait_for(lambda: desk.post(PAGEVIEW, view(url=url))[0] == 202, 2, "a new grant to act")
    desk.server.cli("client", "revoke", "t")
    wait_for(lambda: desk.post(PAGEVIEW, view(url=url))[0] == 401, 2, "a revoked token to be refused")


def test_routes(world):
    """Wrong methods, unknown paths, health."""
    desk = Desk(world)
    ask = desk.server.request
    for path, allow in ((PAGEVIEW, "POST"), (EVENT, "POST"), (desk.fetch_path(), "POST")):
        for method in ("GET", "PUT", "DELETE"):
            status, fields, body = ask(method, path, token=desk.token)
            check(status == 405 and body == b"Method Not Allowed\n" and allow in fields.get("Allow", ""),
                  f"{method} {path}: {status} {body!r} Allow={fields.get('Allow')}")
    status, _, body = ask("GET", "/healthz")
    check((status, body.strip()) == (200, b"ok"), f"/healthz: {status} {body!r}")
    status, _, body = ask("GET", "/readyz")
    check((status, body.strip()) == (200, b"ok"), f"/readyz: {status} {body!r}")
    status, _, _ = ask("GET", "/api/nothing/here", token=desk.token)
    check(status == 404, f"an unknown path: {status}")
    status, fields, body = ask("HEAD", "/healthz")
    check(status == 200 and body == b"", f"HEAD /healthz: {status} {body!r}")
    status, fields, body = ask("GET", "/api/sites", token=desk.token)
    check(status == 200 and fields["Content-Type"] == "application/json" and body.endswith(b"\n"),
          f"GET /api/sites: {status} {fields['Content-Type']} {body[-10:]!r}")
    listed = json.loads(body)
    check([s["domain"] for s in listed] == [VIEWED, SITE], f"its own sites, the newest first: {listed}")
    keys = {"id", "user_id", "domain", "data_retention_days", "created_at"}
    check(all(keys <= set(s) for s in listed), f"keys of a site: {sorted(listed[0])}")
    check(ask("GET", "/api/sites")[0] == 401, "GET /api/sites without a token")


def test_rate_limits(world):
    """A bucket for each client address, looked at before the token; 429 and nothing else."""
    config = "limits: {ingest_rate: 1, ingest_burst: 5, api_rate: 1, api_burst: 3, exempt_loopback: false}\n"
    desk = Desk(world, config)
    time.sleep(1.5)  # the probe of GET /api/sites took one of the three
    for path, body, burst in ((PAGEVIEW, view(), 5), (desk.fetch_path(), fetch(), 3)):
        answers = [desk.post(path, body, **({"No_Token": "1"} if i % 2 else {}))[0] for i in range(burst + 4)]
        check(429 not in answers[:burst - 1] and answers[-1] == 429 and set(answers) <= {202, 401, 429},
              f"{path}: {answers}")
        status, fields, text = desk.post(path, body)
        check(status == 429 and text == b"Too Many Requests\n" and fields["Content-Type"] == TEXT,
              f"{path}: {status} {text!r}")
    wait_for(lambda: desk.post(PAGEVIEW, view())[0] == 202, 5, "the bucket to fill again", 0.3)


def test_exclusions_and_spam(world):
    """Excluded and spam records are answered like stored ones, and are not stored."""
    config = ("exclude:\n  ip: [198.51.100.0/24]\n  user_agent: [our-synthetic]\n  path: [/healthz]\n"
              "spam:\n  referrers: [spam.example]\n  networks: [192.0.2.0/24]\n")
    desk = Desk(world, config)
    dropped = [
        (PAGEVIEW, view(visitor_ip="198.51.100.77")), (PAGEVIEW, view(user_agent="Our-Synthetic/1.0")),
        (PAGEVIEW, view(url=f"https://{SITE}/healthz/deep")), (PAGEVIEW, view(dnt=True)),
        (PAGEVIEW, view(referrer="https://www.spam.example/x")), (PAGEVIEW, view(visitor_ip="192.0.2.1")),
        (PAGEVIEW, view(referrer=" HTTPS://WWW.Spam.Example:8443/path?q=1 ")),
        (PAGEVIEW, view(referrer="www.spam.example///")), (PAGEVIEW, view(referrer="Spam.example")),
        (EVENT, view(name="n", referrer="spam.example/")), (EVENT, view(name="n", visitor_ip="192.0.2.1")),
        (desk.fetch_path(), fetch(user_agent=GPTBOT + " our-synthetic")),
        (desk.fetch_path(), fetch(path="/healthz")),
    ]
    settle([p for path, body in dropped for p in desk.expect(str(body), path, body, 202)])
    kept = [(PAGEVIEW, view(url=f"https://{SITE}/healthzy")), (PAGEVIEW, view(referrer="https://nospam.example/")),
            (PAGEVIEW, view(referrer="spam.example/x")), (PAGEVIEW, view(referrer=" ")),
            (PAGEVIEW, view(referrer="///")),
            (desk.fetch_path(), fetch(path="/healthzy"))]
    settle([p for path, body in kept for p in desk.expect(str(body), path, body, 202)])
    wait_for(lambda: desk.server.count() >= len(kept), 5, "the kept records")
    check(desk.server.count() == len(kept), f"{desk.server.count()} stored, {len(kept)} expected")


def test_durable_before_the_answer(world):
    """A 202 means stored: kill -9 right after it loses nothing. And there is no deduplication here."""
    desk = Desk(world)
    for turn in range(3):
        for _ in range(5):
            check(desk.post(PAGEVIEW, view())[0] == 202, "a pageview")
            check(desk.post(desk.fetch_path(), fetch())[0] == 202, "an AI fetch")
        desk.server.kill()
        check(desk.server.count() == 10 * (turn + 1), f"{desk.server.count()} stored after {10 * (turn + 1)} answers")
        desk.server.start()


def lambda_payload(row, fields, fallback):
    """What the forwarder of HitKeep's guide for CloudFront makes of a line of its log."""
    value = dict(zip(fields, row.rstrip("\n").split("\t")))
    query = "" if value["cs-uri-query"] == "-" else "?" + value["cs-uri-query"]
    host = value["x-host-header"]
    return {"path": value["cs-uri-stem"] + query, "hostname": fallback if host == "-" else host,
            "status_code": int(value["sc-status"]), "content_type": value["sc-content-type"].removeprefix("-"),
            "response_ms": int(float(value["time-taken"]) * 1000), "bytes_served": int(value["sc-bytes"]),
            "user_agent": urllib.parse.unquote(value["cs(User-Agent)"])}


def test_stock_clients(world):
    """The calls of HitKeep's guides, unchanged: the CloudFront forwarder's request, and curl's lines."""
    desk = Desk(world)
    numbers = [n for n in range(40) if lines.kind(n) == lines.AI_FETCH]
    for n in numbers:
        body = lambda_payload(lines.cloudfront(n, 1760000000), lines.CF_FIELDS.split(), SITE)
        request = urllib.request.Request(
            desk.server.url + desk.fetch_path(), json.dumps(body).encode(), method="POST",
            headers={"Authorization": "Bearer " + desk.token, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            check(answer.status == 202 and answer.read() == b"", f"{answer.status}")
    url, key = desk.server.url, "X-Api-Key: " + desk.token
    bearer, kind = "Authorization: Bearer " + desk.token, "Content-Type: application/json"
    for headers, path, body in (
            ((bearer, kind), desk.fetch_path(), fetch(path="/n/100")),
            ((key, kind), PAGEVIEW, view(url=f"https://{SITE}/n/101")),
            ((bearer, kind), EVENT, dict(view(), name="signup", properties={"plan": "pro"}))):
        argv = ["curl", "-sS", "-o", "-", "-w", "%{http_code}", "-X", "POST", url + path, "-d", json.dumps(body)]
        _, out, _ = run(argv + [x for h in headers for x in ("-H", h)], world.dir, 20)
        check(out == "202", f"{path}: {out}")
    _, out, _ = run(["curl", "-fsS", url + "/api/sites", "-H", bearer], world.dir, 20)
    check(SITE in [s["domain"] for s in json.loads(out)], out)
    wait_for(lambda: desk.server.count() == len(numbers) + 2, 10, "the records")
    want = {("ai_fetch", lines.path_of(n)) for n in numbers} | {("ai_fetch", "/n/100"), ("pageview", "/n/101")}
    check(set(desk.server.records()) == want, f"{desk.server.records()}")


def test_normalisation(world):
    """Both kinds of record spell a page alike: path, query, no fragment, lower-case host."""
    desk = Desk(world)
    sent = [
        (desk.fetch_path(), fetch(path="https://WWW.Example.com:8443/a?b=c#d", hostname=None)),
        (desk.fetch_path(), fetch(path="no/slash?x")), (PAGEVIEW, view(url=f"https://{SITE}:443/a?b=c#d")),
        (PAGEVIEW, view(url=f"https://{SITE}")), (PAGEVIEW, view(url=f"https://{SITE}?utm_source=s")),
    ]
    for path, body in sent:
        check(desk.post(path, body)[0] == 202, f"{path}: {body}")
    wait_for(lambda: desk.server.count() == len(sent), 5, "the records")
    have = sorted(desk.server.records())
    want = sorted([("ai_fetch", "/a?b=c"), ("ai_fetch", "/no/slash?x"), ("pageview", "/a?b=c"),
                   ("pageview", "/"), ("pageview", "/?utm_source=s")])
    check(have == want, f"stored {have}, expected {want}")


REPLAYED = {  # a replay of a log with all that a client may tell, and how it is read again
    "url": f"https://www.{SITE}/docs/start?utm_source=newsletter&utm_medium=email&utm_campaign=spring"
           "&utm_term=analytics&utm_content=hero&hk_qr=5C62A8E0-0001-4000-8000-00000000000A#intro",
    "timestamp": "2026-11-20T14:30:45+02:00", "visitor_ip": "198.51.100.22", "user_agent": " Mozilla/5.0 replay ",
    "referrer": "https://www.example.net/from?x=1", "language": "pt-BR",
    "session_id": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
    "page_id": "urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8", "viewport_width": 0, "viewport_height": 720,
    "screen_width": 2560, "utm_source": "ignored", "is_unique": True}
READ_AGAIN = {
    "path": REPLAYED["url"].removeprefix(f"https://www.{SITE}").removesuffix("#intro"), "hostname": SITE,
    "timestamp": "2026-11-20T12:30:45Z", "user_agent": "Mozilla/5.0 replay", "referrer": REPLAYED["referrer"],
    "language": "pt-BR", "session_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "page_id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8", "viewport_width": 0, "viewport_height": 720,
    "screen_width": 2560, "screen_height": None, "utm_source": "newsletter", "utm_medium": "email",
    "utm_campaign": "spring", "utm_term": "analytics", "utm_content": "hero",
    "qr_code_id": "5c62a8e0-0001-4000-8000-00000000000a", "country_code": None, "is_unique": None}


def test_reads_back(world):
    """Field for field, what was sent comes back through the hits."""
    desk = Desk(world)
    reader = desk.server.client("reader", f"{SITE}=viewer")
    settle(desk.expect("replayed", PAGEVIEW, REPLAYED, 202))
    settle(desk.expect("without ids", PAGEVIEW, view(url=f"https://{SITE}/2", timestamp="2026-11-20T12:00:00Z"), 202))
    hits = f"/api/sites/{desk.ids[SITE]}/hits?from=2026-11-20T00:00:00Z"
    status, _, body = desk.server.request("GET", hits, token=reader)
    check(status == 200, f"hits: {status} {body!r}")
    first, second = json.loads(body)["data"]
    settle([f"{k}: {first[k]!r} instead of {v!r}" for k, v in dict(READ_AGAIN, site_id=desk.ids[SITE]).items()
            if first[k] != v])
    given = {first["session_id"], first["page_id"], second["session_id"], second["page_id"]}
    check(len(given) == 4 and None not in given, f"ids of a record that brings none: {second}")
