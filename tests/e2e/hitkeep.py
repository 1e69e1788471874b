"""A HitKeep for tests: its three ingest endpoints with its checks in their order, its limiters, its list
of AI agents, and its ways with unknown paths. It stores what it answers with 202, as often as it comes.
"""
import json
import re
import threading
import time
import uuid

from sink import Handler, Listener, Sink

# Tokens of 2.8.1, and some of what came later.
NARROW = ("chatgpt-user", "gptbot", "claudebot", "perplexitybot", "googleother", "bytespider", "ccbot",
          "meta-externalagent", "amazonbot")
WIDE = NARROW + ("oai-searchbot", "claude-user", "claude-searchbot", "perplexity-user", "applebot")
PAGEVIEW = "/api/ingest/server/pageview"
FETCH = re.compile(r"/api/sites/([0-9a-f-]{36})/ingest/ai-fetch")
FORBIDDEN_HEADERS = ("Sec-Fetch-Site", "X-Real-IP", "CF-Connecting-IP", "X-Forwarded-For", "Expect")
FETCH_KEYS = {"path", "hostname", "status_code", "content_type", "response_ms", "bytes_served", "user_agent"}
PAGE_KEYS = {"url", "timestamp", "visitor_ip", "user_agent", "referrer", "session_id", "page_id"}


class Bucket:
    """Full at first; `rate` a second, at most `burst`."""

    def __init__(self, rate, burst):
        self.rate, self.burst, self.tokens, self.at = rate, burst, burst, time.monotonic()

    def take(self):
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class HitKeepHandler(Handler):
    def refuse(self, status, text):
        self.answer(status, (text + "\n").encode(), headers=(("X-Content-Type-Options", "nosniff"),))

    def accept(self):
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def unknown(self):
        """2.8.1 shows its dashboard, whatever was asked."""
        if self.server.sink.version == "2.8.1":
            self.answer(200, b"<!doctype html><html><body>HitKeep</body></html>\n", "text/html; charset=utf-8")
        else:
            self.refuse(404, "404 page not found")

    def is_known(self):
        return self.headers.get("Authorization") == "Bearer " + self.server.sink.token

    def do_GET(self):
        sink = self.server.sink
        sink.requests.append((time.monotonic(), "GET", self.path))
        if self.misbehave(sink.mood):
            return
        if self.path != "/api/sites":
            self.unknown()
        elif not sink.api.take():
            self.refuse(429, "Too Many Requests")
        elif not self.is_known():
            self.refuse(401, "Unauthorized")
        else:
            self.json([{"id": sink.ids[s], "user_id": str(uuid.UUID(int=1)), "domain": s,
                        "data_retention_days": 365, "created_at": "2026-01-01T00:00:00Z"}
                       for s in sink.listed()])

    def do_POST(self):
        sink = self.server.sink
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sink.requests.append((time.monotonic(), "POST", self.path))
        sink.strange += [f"{h}: {self.headers[h]}" for h in FORBIDDEN_HEADERS if h in self.headers]
        fetch = FETCH.fullmatch(self.path)
        if sink.mood != "reset_after" and self.misbehave(sink.mood):
            return
        with sink.lock:
            if fetch:
                status, text = self.check_fetch(raw, fetch.group(1))
            elif self.path == PAGEVIEW:
                status, text = self.check_pageview(raw)
            else:
                status, text = None, ""
            sink.answers.append((time.monotonic(), status))
        if status is None:
            self.unknown()
        elif status != 202:
            self.refuse(status, text)
        elif sink.mood == "reset_after":
            self.reset()
        else:
            if sink.delay:
                time.sleep(sink.delay)
            self.accept()

    def body(self, raw, keys):
        """None: 400. Stricter than HitKeep where that shows what an agent should not send."""
        sink = self.server.sink
        try:
            pairs = []
            value = json.loads(raw.decode("utf-8"), object_pairs_hook=lambda p: pairs.extend(p) or dict(p))
        except ValueError:
            sink.strange.append(f"no JSON: {raw[:80]!r}")
            return None
        if len(raw) > 1 << 16 or not isinstance(value, dict):
            return None
        if len(pairs) != len(value) or set(value) - keys:
            sink.strange.append(f"keys: {[k for k, _ in pairs]}")
        return value

    def check_fetch(self, raw, site):
        sink = self.server.sink
        domain = {v: k for k, v in sink.ids.items()}.get(site)
        if not sink.api.take():
            return 429, "Too Many Requests"
        if not self.is_known():
            return 401, "Unauthorized"
        if domain not in sink.granted:
            return 403, "Access denied"
        if domain in sink.viewed:
            return 403, "Forbidden"
        if domain in sink.gone:
            return 404, "Site not found"
        body = self.body(raw, FETCH_KEYS)
        if body is None or not isinstance(body.get("status_code", 0), int):
            return 400, "Bad request body"
        if not 100 <= body.get("status_code", 0) <= 599:
            return 400, "status_code must be between 100 and 599"
        if not any(token in body.get("user_agent", "").lower() for token in sink.catalogue):
            return 400, "user_agent must match a known AI bot"
        if not body.get("path", "").strip():
            return 400, "path is required"
        if sink.poison and body["path"].endswith(f"/{sink.poison}"):
            return 400, "Bad request body"
        sink.store("ai_fetch", domain, body)
        return 202, ""

    def check_pageview(self, raw):
        sink = self.server.sink
        if not sink.ingest.take():
            return 429, "Too Many Requests"
        if not self.is_known():
            return 401, "Unauthorized"
        body = self.body(raw, PAGE_KEYS)
        if body is None:
            return 400, "Bad request body"
        for key in ("session_id", "page_id"):
            if key in body and str(uuid.UUID(body[key])) != body[key]:
                return 400, "Bad request body"
        if not re.match(r"https?://[^/]+", body.get("url", "")):
            return 400, "url must be an absolute http or https URL"
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", body.get("timestamp", "")):
            return 400, "timestamp must be RFC3339"
        if not re.fullmatch(r"[0-9a-f.:]+", body.get("visitor_ip", "")):
            return 400, "visitor_ip must be a valid IP address"
        if not body.get("user_agent", "").strip():
            return 400, "user_agent is required"
        domain = body["url"].split("/")[2].split(":")[0].removeprefix("www.")
        if domain not in sink.ids:
            return 404, "Site not found"
        if domain not in sink.granted or domain in sink.viewed:
            return 403, "Access denied"
        sink.store("pageview", domain, body)
        return 202, ""


class HitKeep(Sink):
    """`version` "2.8.1" (narrow list, a page for unknown paths) or "up". Limits are high unless a test is
    about them."""

    def __init__(self, sites=("example.com",), port=0, version="2.8.1", api=(100000, 100000),
                 ingest=(100000, 100000)):
        self.version = version
        self.catalogue = NARROW if version == "2.8.1" else WIDE
        self.api, self.ingest = Bucket(*api), Bucket(*ingest)
        self.ids = {s: str(uuid.uuid5(uuid.NAMESPACE_DNS, s)) for s in sites}
        self.granted = set(sites)
        self.viewed, self.gone = set(), set()   # a role too small; a site that is no more
        self.token = "0123456789abcdef" * 4     # as it makes them
        self.answers = []   # (moment, status) of every POST
        self.strange = []   # what a good client does not send
        self.delay = 0
        super().__init__(sites, port)

    def listen(self, port):
        self.http = Listener(("127.0.0.1", port), HitKeepHandler)
        self.http.sink = self
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def listed(self):
        return [s for s in self.sites if s in self.granted]

    def store(self, kind, domain, body):
        """With the lock."""
        self.records.append((time.monotonic(), domain, dict(body, k=kind)))

    def posts(self):
        return [path for _, method, path in self.requests if method == "POST"]
