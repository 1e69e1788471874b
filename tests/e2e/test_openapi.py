"""The document at /api/docs/v1/openapi.json: well-formed, of the routes that there are, and true of every
answer. Every documented answer that can be had is asked for, of the server itself and through Prism, which
knows the document and nothing else. @redocly/cli and Prism come from tests/openapi/install.sh."""
import http.client
import json
import os
import re
import socket

import lines
from harness import SITE
from openapi import METHODS, Document
from proc import Proc, Skip, check, run, wait_for
from test_contract import EVENT, FOREIGN, PAGEVIEW, VIEWED, Desk, fetch, view
from test_docs_names import names, read, same, table

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
TOOLS = os.path.join(TOP, "build/openapi")
BATCH, VERIFY = "/api/ingest/server/batch", "/api/ingest/server/verify"
NOWHERE = "00000000-0000-4000-8000-000000000000"
# Not asked for here, because the store would have to fail or the server to be busy (test_unwell_server,
# test_bad_store, the unit tests of the API), or because it is no HTTP (test_smuggling).
UNASKED = {"500", "503", "507", "4XX"}


def tool(*path):
    """A program of the packages; skips the test when they could not be had."""
    if not os.path.exists(os.path.join(TOOLS, "ready")):
        reason = os.path.join(TOOLS, "unreachable")
        if os.path.exists(reason):
            with open(reason, encoding="utf-8") as f:
                raise Skip(f.read().strip())
        raise Skip("the packages are not installed: sh tests/openapi/install.sh")
    return ["node", os.path.join(TOOLS, "tree/node_modules", *path)]


def source():
    return Document(read("server/reference/openapi.json"))


# ---- the document itself --------------------------------------------------------------------------

def every(value, path=""):
    """(where, dict) of every object in it."""
    if isinstance(value, dict):
        yield path, value
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from every(part, f"{path}/{key}")


def test_structure(world):
    document = source()
    for where, part in every(document.root):
        if "$ref" in part:
            check(list(part) == ["$ref"], f"{where}: more beside $ref")
            document.follow(part)
    ids = [o.get("operationId") for o, _ in document.operations.values()]
    check(all(ids) and len(ids) == len(set(ids)), f"operationIds: {ids}")
    tags = [t["name"] for t in document.root["tags"]]
    used = {t for o, _ in document.operations.values() for t in o["tags"]}
    check(used == set(tags), f"tags: {used ^ set(tags)}")
    for name, (operation, parameters) in document.operations.items():
        wanted = set(re.findall(r"\{(\w+)\}", name))
        check({p["name"] for p in parameters if p["in"] == "path"} == wanted, f"{name}: its path's parameters")
        check(bool(operation.get("security", True)) == ("401" in operation["responses"]) or name in NO_401,
              f"{name}: 401 and security do not fit")


NO_401 = set()


def messages_of(document):
    for where, part in every(document.root):
        if where.endswith("/content/text~1plain/schema") or where.endswith("/text/plain/schema"):
            for text in part.get("enum", []):
                yield where, text


def test_messages(world):
    """What the document lets an error say is said somewhere in the code, and the other way round."""
    document = source()
    documented = {t.rstrip("\n") for _, t in messages_of(document)}
    code = read("server/*.c")
    missing = [m for m in documented if f'"{m}"' not in code]
    check(len(documented) > 20 and not missing, f"not in the code: {missing}")
    code = read("server/api*.c")
    said = re.findall(r'(?:http_error|http_error_with|refuse|change_refuse|api_batch_refuse)\([\w>.&-]+, \d+,\s+"([^"]+)"', code)
    said += re.findall(r'api_refusal \w+ = \{\d+, "([^"]+)"\}', code)
    check(len(said) > 20, f"only {len(said)} messages found in the code")
    # What a mux answers is no operation's; a batch's records have their own.
    elsewhere = {"404 page not found", "Method Not Allowed", "session_id must be a UUID"}
    patterns = "".join(part["pattern"] for _, part in every(document.root) if "pattern" in part)
    missing = sorted(m for m in set(said) - documented - elsewhere if m not in patterns)
    check(not missing, f"not in the document: {missing}")


def test_pages(world):
    """The document and the page as they are served."""
    server = world.server().start()
    wanted = {"v1/openapi.json": ("application/json", "openapi.json"), "": ("text/html; charset=utf-8", "index.html"),
              "reference.js": ("text/javascript; charset=utf-8", "reference.js"),
              "reference.css": ("text/css; charset=utf-8", "reference.css")}
    for name, (kind, file) in wanted.items():
        status, headers, body = server.request("GET", "/api/docs/" + name)
        check(status == 200 and headers["Content-Type"] == kind, f"{name}: {status} {headers['Content-Type']}")
        check(headers["Content-Security-Policy"].startswith("default-src 'self';")
              and headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-cache",
              f"{name}: {dict(headers)}")
        check(body.decode() == read("server/reference/" + file)[:-1], f"{name} is not what is in the source")
        check(server.request("HEAD", "/api/docs/" + name)[2] == b"", f"HEAD {name}")
    page = read("server/reference/index.html")
    links = re.findall(r'(?:href|src)="([^"#][^"]*)"', page)
    check(set(links) <= set(wanted) and len(links) >= 3, f"the page refers to {links}")
    # Nothing that the policy forbids, and nothing of others.
    inline = re.search(r"<style|<script>|\bstyle=|\bon\w+=", page)
    check(not inline, f"inline in the page: {inline}")
    everything = page + read("server/reference/reference.*")
    outside = re.findall(r"https?://[^\s\"'`]+|@import|\burl\(", everything)
    check(not outside, f"the page asks others: {outside}")
    _, _, body = server.request("GET", "/api/docs/versions")
    check(json.loads(body)["versions"][0]["openapi_url"] == "/api/docs/v1/openapi.json", f"versions: {body!r}")
    _, _, body = server.request("GET", "/api/ingest/server/capabilities")
    version = source().root["info"]["version"]
    check(json.loads(body)["server"] == f"logferry-server/{version}", f"the document is of {version}: {body!r}")


def test_lint(world):
    """By @redocly/cli's own recommended rules: no error and no warning."""
    node = tool("@redocly/cli/bin/cli.js")
    out = run([*node, "lint", "--format", "json", "--config", os.path.join(TOP, "tests/openapi/redocly.yaml"),
               os.path.join(TOP, "server/reference/openapi.json")], world.dir, 100,
              {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"})[1]
    totals = json.loads(out)["totals"]
    check(totals["errors"] == totals["warnings"] == 0, out)


# ---- every answer ---------------------------------------------------------------------------------

class Prism:
    """Prism as a proxy before a server: it passes everything on, and notes what breaks the document."""

    def __init__(self, world, server):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        status, _, body = server.request("GET", "/api/docs/v1/openapi.json")
        check(status == 200, f"the document: {status}")
        path = world.write("openapi.json", body.decode())
        self.address = f"127.0.0.1:{port}"
        self.proc = Proc([*tool("@stoplight/prism-cli/dist/index.js"), "proxy", path, server.url, "-p", str(port),
                          "--cors", "false", "--verboseLevel", "warn"], world.dir, "prism", {"NO_UPDATE_NOTIFIER": "1"})
        wait_for(self.listens, 40, "Prism to listen")

    def listens(self):
        check(self.proc.alive(), f"Prism has ended: {self.proc.text()[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.address.rsplit(":", 1)[1]))) == 0


def content(answer):
    """The body; Prism writes JSON anew."""
    _, headers, text = answer
    return json.loads(text) if text and (headers.get("Content-Type") or "").startswith("application/json") else text


class Examiner:
    """Asks, and holds every answer against the document: itself, and through Prism when there is one."""

    def __init__(self, server, prism=None):
        self.server, self.prism = server, prism
        self.document = Document(server.request("GET", "/api/docs/v1/openapi.json")[2].decode())
        self.seen, self.wrong, self.violations = {}, [], 0

    def send(self, address, method, path, body, headers):
        connection = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def ask(self, method, path, status, body=None, token=None, good=None, twice=True, raw=False, **headers):
        """Expects that status. `good`: the request is as the document wants it; when it is not said, it is
        unless the answer is 400. `twice`: asking again changes nothing, so that Prism's answer can be compared
        with the server's own. `raw`: Prism cannot pass such a body on."""
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if token:
            headers["Authorization"] = "Bearer " + token
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body.encode() if isinstance(body, str) else body
        good = status != 400 if good is None else good
        name = self.document.operation_of(method, path)
        check(name, f"{method} {path} is not in the document")
        proxied = self.prism and not raw
        answer = None
        if twice or not proxied:
            answer = self.send(self.server.address, method, path, body, headers)
        if proxied:
            passed = self.send(self.prism.address, method, path, body, headers)
            self.compare(name, passed, answer, good)
            answer = answer or passed
        got, fields, text = answer
        if got != status:
            self.wrong.append(f"{method} {path}: {got} {text[:200]!r} instead of {status}")
        key, _ = self.document.answer(name, got)
        self.seen.setdefault(name, set()).add(key)
        self.wrong += [f"{method} {path}: {p}" for p in self.document.problems(name, got, fields, text)]
        return content(answer)

    def compare(self, name, passed, own, good):
        if own and not self.timely(own[2]) and (passed[0], content(passed)) != (own[0], content(own)):
            self.wrong.append(f"{name}: Prism passed on {passed[0]} {passed[2][:200]!r}, the server answers "
                              f"{own[0]} {own[2][:200]!r}")
        for violation in json.loads(passed[1].get("sl-violations") or "[]"):
            self.violations += 1
            if good or violation["location"][0] == "response":
                self.wrong.append(f"{name}: Prism: {violation}")

    @staticmethod
    def timely(text):
        """An answer with the time in it differs from one second to the next."""
        return b'"time":"' in text

    def settle(self, statuses):
        """Nothing was wrong, and of the statuses for which `statuses` holds, all were had."""
        check(not self.wrong, f"{len(self.wrong)} answers are not as they should be:\n" + "\n".join(self.wrong))
        missing = [f"{name}: {status}" for name, (operation, _) in self.document.operations.items()
                   for status in operation["responses"]
                   if statuses(status) and status not in self.seen.get(name, set())]
        check(not missing, "documented, and not asked for: " + ", ".join(missing))
        check(not self.prism or self.violations, "Prism found nothing, not even in the bad requests")


def batch_of(document, **changes):
    """The document's own example of a batch, and what stands in it changed."""
    text = document.operations[f"POST {BATCH}"][0]["requestBody"]["content"]["application/x-ndjson"]["example"]
    head, _, records = text.partition("\n")
    return json.dumps({**json.loads(head), **changes}) + "\n" + records


def ask_ingest(e, desk):
    path, token = desk.fetch_path(), desk.token
    viewer = desk.server.client("v", f"{SITE}=viewer")
    e.ask("POST", path, 202, fetch(), token)
    e.ask("POST", path, 202, fetch(), X_Api_Key=token)
    e.ask("POST", path, 400, fetch(status_code=99), token)
    e.ask("POST", path, 400, fetch(user_agent=lines.HUMANS[0]), token, good=True)
    e.ask("POST", path, 400, fetch(path=" "), token, good=True)
    e.ask("POST", path, 400, b"{", token, raw=True)
    e.ask("POST", "/api/sites/x/ingest/ai-fetch", 400, fetch(), token)
    e.ask("POST", path, 401, fetch(), good=False)
    e.ask("POST", path, 403, fetch(), viewer)
    e.ask("POST", desk.fetch_path(NOWHERE), 403, fetch(), token)
    for to, payload in ((PAGEVIEW, view()), (EVENT, view(name="signup", properties={"plan": "small"}))):
        e.ask("POST", to, 202, payload, token)
        e.ask("POST", to, 202, {**payload, "session_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "dnt": True}, token)
        for key, value in (("url", "/p"), ("timestamp", "x"), ("visitor_ip", "x"), ("user_agent", ""), ("dnt", 1)):
            e.ask("POST", to, 400, {**payload, key: value}, token)
        e.ask("POST", to, 401, payload, good=False)
        e.ask("POST", to, 403, {**payload, "url": f"https://{FOREIGN}/"}, token)
        e.ask("POST", to, 404, {**payload, "url": "https://nowhere.example/"}, token)
    e.ask("POST", EVENT, 400, view(name=" "), token, good=True)


def ask_batches(e, desk):
    lined = {"Content_Type": "application/x-ndjson", "token": desk.token}
    text = batch_of(e.document)
    for path in (BATCH, VERIFY):
        e.ask("POST", path, 200, text, **lined)
        e.ask("POST", path, 400, '{"v":2}\n', **lined)
        e.ask("POST", path, 400, text.replace('"k":"pageview"', '"k":"page"'), **lined)
        e.ask("POST", path, 400, text, Content_Encoding="gzip", raw=True, **lined)
        e.ask("POST", path, 401, text, Content_Type="application/x-ndjson", good=False)
        e.ask("POST", path, 413, b"x" * ((16 << 20) + 1), raw=True, **lined)
        e.ask("POST", path, 415, text, Content_Encoding="br", good=False, raw=True, **lined)
    e.ask("POST", BATCH, 422, text.replace("9f31c2aa", "9f31c2ab"), **lined)
    e.ask("GET", "/api/ingest/server/capabilities", 200)


def ask_reports(e, desk):
    """Of what ask_ingest has stored."""
    site, foreign = (f"/api/sites/{desk.ids[s]}/" for s in (SITE, FOREIGN))
    token = desk.server.client("reader", f"{SITE}=viewer")
    span = "from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"
    exports = ("ai-fetch/export", "hits/export")
    for what in ("ai-fetch/overview", "ai-fetch/timeseries", "ai-fetch/correlation", "stats", "hits", *exports):
        e.ask("GET", f"{site}{what}?{span}", 200, token=token)
        e.ask("GET", f"/api/sites/x/{what}", 400, token=token)
        e.ask("GET", site + what, 401, good=False)
        e.ask("GET", site + what, 403, token=desk.token)
        e.ask("GET", foreign + what, 403, token=token)
        wrong = "from=x" if what.startswith("ai-fetch") else "filter_type=path"
        e.ask("GET", f"{site}{what}?{wrong}", 400, token=token)
    more = {"ai-fetch/overview": "&assistant_name=GPTBot&assistant_family=OpenAI&resource_type=html&path=/p",
            "ai-fetch/correlation": "&window_days=90", "hits": "&q=p&sort=path&order=asc&limit=1&offset=0",
            "stats": f"&filter=path:/p&filter=browser:Firefox&goal_id={NOWHERE}&compare_from=2025-01-01T00:00:00Z"}
    for what, query in more.items():
        e.ask("GET", f"{site}{what}?{span}{query}", 200, token=token)
    for what in exports:
        for kind in ("json", "ndjson", "csv"):
            e.ask("GET", f"{site}{what}?{span}&format={kind}", 200, token=token)
        e.ask("GET", f"{site}{what}?format=xlsx", 400, token=token)
    hits = e.ask("GET", f"{site}hits?{span}", 200, token=token)
    check(hits["total"] > 0, "there are no hits to report")
    for query in ("filter=nose:x", "goal_id=x", "funnel_id=x"):
        e.ask("GET", f"{site}stats?{query}", 400, token=token)
    for query in ("to=x", "window_days=91"):
        e.ask("GET", f"{site}ai-fetch/correlation?{query}", 400, token=token)
    e.ask("GET", "/api/ai-agents", 200)


def ask_exclusions(e, desk):
    site, foreign = (f"/api/sites/{desk.ids[s]}/exclusions" for s in (SITE, FOREIGN))
    token, new = desk.server.client("may-change", f"{SITE}=admin"), {"kind": "path", "value": "/not-stored"}
    one = e.ask("POST", site, 201, new, token, twice=False)
    e.ask("GET", site, 200, token=token)
    e.ask("POST", site, 409, new, token)
    e.ask("POST", site, 400, {"kind": "ip", "value": "x"}, token)
    e.ask("POST", site, 400, {"kind": "x", "value": "x"}, token)
    for method, tail, body in (("GET", "", None), ("POST", "", new), ("DELETE", "/" + one["id"], None)):
        e.ask(method, site + tail, 401, body, good=False)
        e.ask(method, foreign + tail, 403, body, token)
        e.ask(method, "/api/sites/x/exclusions" + tail, 400, body, token)
    e.ask("DELETE", f"{site}/{one['id']}", 204, token=token, twice=False)
    e.ask("DELETE", f"{site}/{one['id']}", 404, token=token)


def ask_server(e, desk):
    for path in ("/healthz", "/readyz", "/api/docs/versions", "/api/docs/v1/openapi.json", "/api/docs/",
                 "/api/docs/reference.js", "/api/docs/reference.css"):
        e.ask("GET", path, 200)
    e.ask("GET", "/api/sites", 200, token=desk.token)
    e.ask("GET", "/api/sites", 401, good=False)


def examine(world, proxied):
    desk = Desk(world)
    e = Examiner(desk.server, Prism(world, desk.server) if proxied else None)
    for part in (ask_ingest, ask_batches, ask_reports, ask_exclusions, ask_server):
        part(e, desk)
    e.settle(lambda status: status not in UNASKED | {"429"})
    # The same server, with as little patience as it can have.
    desk.server.stop()
    desk.server.config = world.write("strict.yaml", "limits: {ingest_rate: 1, ingest_burst: 1, api_rate: 1, "
                                     "api_burst: 1, exempt_loopback: false}\n")
    desk.server.start()
    limited = [n for n, (o, _) in e.document.operations.items() if "429" in o["responses"]]
    for name in limited:
        method, path = name.split(" ")
        path = re.sub(r"\{\w+\}", NOWHERE, path)
        for _ in range(2):
            e.send(desk.server.address, method, path, None, {})
        e.ask(method, path, 429, good=False)
    e.settle(lambda status: status == "429")


def test_answers(world):
    examine(world, False)


def test_prism(world):
    tool("")
    examine(world, True)
