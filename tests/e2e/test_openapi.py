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


# A wrong password is 401 where nothing is asked for before.
NO_401 = {"POST /api/login"}


def messages_of(document):
    for where, part in every(document.root):
        if where.endswith("/content/text~1plain/schema") or where.endswith("/text/plain/schema"):
            for way in (part, *part.get("anyOf", [])):
                for text in way.get("enum", []):
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
        self.seen, self.wrong, self.violations, self.fields = {}, [], 0, None

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
        return self.judge(name, method, path, status, answer)

    def judge(self, name, method, path, status, answer):
        got, fields, text = answer
        self.fields = fields
        if got != status:
            self.wrong.append(f"{method} {path}: {got} {text[:200]!r} instead of {status}")
        key, _ = self.document.answer(name, got)
        self.seen.setdefault(name, set()).add(key)
        self.wrong += [f"{method} {path}: {p}" for p in self.document.problems(name, got, fields, text)]
        return content(answer)

    def ask_limited(self, name):
        """A 429: asked again until it comes, because on a slow machine the bucket may fill between two requests."""
        method, path = name.split(" ")
        path = re.sub(r"\{\w+\}", NOWHERE, path)
        answer = (0, {}, b"")
        for _ in range(20):
            if self.send(self.server.address, method, path, None, {})[0] != 429:
                continue
            answer = self.send((self.prism or self.server).address, method, path, None, {})
            if answer[0] == 429:
                break
        if self.prism:
            self.compare(name, answer, None, False)
        self.judge(name, method, path, 429, answer)

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
    for what in ("ai-fetch/overview", "ai-fetch/timeseries", "ai-fetch/correlation", "ai-activity", "stats", "hits", "tracking/status", *exports):
        e.ask("GET", f"{site}{what}?{span}", 200, token=token)
        e.ask("GET", f"/api/sites/x/{what}", 400, token=token)
        e.ask("GET", site + what, 401, good=False)
        e.ask("GET", site + what, 403, token=desk.token)
        e.ask("GET", foreign + what, 403, token=token)
        wrong = "from=x" if what.startswith("ai-") else "filter_type=path"
        if what != "tracking/status":
            e.ask("GET", f"{site}{what}?{wrong}", 400, token=token)
    more = {"ai-fetch/overview": "&assistant_name=GPTBot&assistant_family=OpenAI&resource_type=html&path=/p",
            "ai-fetch/correlation": "&window_days=90", "hits": "&q=p&sort=path&order=asc&limit=1&offset=0",
            "ai-activity": "&filter=path:/p&compare_from=2025-01-01T00:00:00Z&compare_to=2026-01-01T00:00:00Z",
            "stats": f"&filter=path:/p&filter=browser:Firefox&goal_id={NOWHERE}&compare_from=2025-01-01T00:00:00Z&compare_to=2026-01-01T00:00:00Z"}
    for what, query in more.items():
        e.ask("GET", f"{site}{what}?{span}{query}", 200, token=token)
    for what in exports:
        for kind in ("json", "ndjson", "csv"):
            e.ask("GET", f"{site}{what}?{span}&format={kind}", 200, token=token)
        e.ask("GET", f"{site}{what}?format=xlsx", 400, token=token)
    hits = e.ask("GET", f"{site}hits?{span}", 200, token=token)
    check(hits["total"] > 0, "there are no hits to report")
    for query in ("filter=nose:x", "filter=nose", "filter=path:", "goal_id=x", "funnel_id=x"):
        e.ask("GET", f"{site}stats?{query}", 400, token=token)
    e.ask("GET", f"{site}ai-activity?to=x", 400, token=token)
    for query in ("to=x", "window_days=91"):
        e.ask("GET", f"{site}ai-fetch/correlation?{query}", 400, token=token)
    e.ask("GET", f"{site}stats?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", 200, token=token)
    sites = e.ask("GET", f"/api/sites/overview?{span}", 200, token=token)
    check([s["site_id"] for s in sites["sites"]] == [desk.ids[SITE]], sites)
    e.ask("GET", "/api/sites/overview", 401, good=False)
    e.ask("GET", "/api/ai-agents", 200)


def ask_stream(e, desk):
    """Events come as records are stored; Prism waits for the end of what it passes on, so it is not asked."""
    path, name = f"/api/sites/{desk.ids[SITE]}/realtime", "GET /api/sites/{id}/realtime"
    token = desk.server.client("watcher", f"{SITE}=viewer")
    connection = http.client.HTTPConnection(*desk.server.address.rsplit(":", 1), timeout=30)
    connection.request("GET", path, headers={"Authorization": "Bearer " + token})
    stream = connection.getresponse()
    text = stream.readline()
    e.judge(name, "GET", path, 200, (stream.status, stream.headers, text))
    e.ask("POST", PAGEVIEW, 202, view(), desk.token)
    while b"analytics." not in text:
        text = stream.readline()
    check(text == b"event: analytics.changed\n", text)
    data = json.loads(stream.readline().removeprefix(b"data: "))
    check(data["site_id"] == desk.ids[SITE] and data["counts"]["hits"] >= 1, data)
    connection.close()
    e.ask("GET", "/api/sites/x/realtime", 400, token=token)
    e.ask("GET", path, 401, good=False)
    e.ask("GET", path, 403, token=desk.token)


def ask_exclusions(e, desk):
    site, foreign = (f"/api/sites/{desk.ids[s]}/exclusions" for s in (SITE, FOREIGN))
    token, new = desk.server.client("may-change", f"{SITE}=admin"), {"type": "path", "path": "/not-stored"}
    one = e.ask("POST", site, 201, new, token, twice=False)
    e.ask("GET", site, 200, token=token)
    e.ask("GET", site + "?effective=true", 200, token=token)
    e.ask("POST", site, 409, new, token)
    e.ask("POST", site, 400, {"type": "cidr", "cidr": "x"}, token)
    e.ask("POST", site, 400, {"type": "x"}, token)
    for method, tail, body in (("GET", "", None), ("POST", "", new), ("DELETE", "/" + one["id"], None)):
        e.ask(method, site + tail, 401, body, good=False)
        e.ask(method, foreign + tail, 403, body, token)
        e.ask(method, "/api/sites/x/exclusions" + tail, 400, body, token)
    e.ask("DELETE", f"{site}/{one['id']}", 204, token=token, twice=False)
    e.ask("DELETE", f"{site}/{one['id']}", 404, token=token)
    for method, tail, body in (("GET", "", None), ("POST", "", new), ("DELETE", "/" + one["id"], None)):
        e.ask(method, "/api/admin/exclusions" + tail, 401, body, good=False)
        e.ask(method, "/api/admin/exclusions" + tail, 403, body, token)


def ask_people(e, desk):
    """The first person and all she may do; a second one, to be refused."""
    ann = {"email": "ann@example.com", "password": "a long sentence"}
    bob = {"email": "bob@example.com", "password": "his long sentence"}
    own = Caller(e)
    own.ask("GET", "/api/status", 200)
    own.ask("GET", "/api/user", 401, good=False)
    own.ask("POST", "/api/initial-user", 400, {**ann, "password": "short"})
    own.ask("POST", "/api/initial-user", 400, {**ann, "email": "ann"})
    own.change("POST", "/api/initial-user", 201, ann)
    own.ask("POST", "/api/initial-user", 403, ann)
    own.change("POST", "/api/login", 200, ann)
    other = Caller(e)
    user = own.change("POST", "/api/admin/users", 201, {"email": bob["email"], "name": "Bob"})
    own.change("POST", f"/api/admin/users/{user['id']}/password", 204, {"new_password": bob["password"]})
    other.ask("POST", "/api/login", 401, {**bob, "password": "another sentence"})
    other.ask("POST", "/api/login", 400, {**bob, "password": 1})
    other.change("POST", "/api/login", 200, bob)
    for path in ("/api/user", "/api/user/profile", "/api/user/permissions", "/api/user/current-ip"):
        own.ask("GET", path, 200)
    named = {"email": ann["email"], "given_name": "Ann", "last_name": "Lee"}
    own.change("PUT", "/api/user/profile", 200, named)
    own.ask("PUT", "/api/user/profile", 409, {**named, "email": bob["email"]})
    own.ask("PUT", "/api/user/profile", 400, {**named, "name": "Ann"})
    own.ask("PUT", "/api/user/profile", 400, {"email": "ann at example"}, good=True)
    own.ask("POST", "/api/user/password", 400, {"current_password": "x", "new_password": "y"})
    own.ask("POST", "/api/user/password", 403, {"current_password": "x", "new_password": ann["password"]})
    own.change("POST", "/api/user/password", 200, {"current_password": ann["password"],
                                                   "new_password": ann["password"]})
    ask_clients(own, "/api/user", desk.ids[SITE])
    team = own.ask("GET", "/api/user/teams", 200)["teams"][0]["id"]
    ask_clients(own, f"/api/user/teams/{team}", desk.ids[SITE], other)
    ask_teams(own, other, team, user["id"])
    ask_team_exclusions(own, other, team)
    ask_own_sites(own, other, desk, team)
    ask_users(own, other, user["id"])
    refuse_strangers(e, own)
    own.change("POST", "/api/logout", 200)


class Caller:
    """A person with the cookie that the server has set. What changes something is asked once: through Prism
    when it is there."""

    def __init__(self, examiner):
        self.examiner, self.cookie = examiner, None

    def ask(self, method, path, status, body=None, **more):
        if self.cookie:
            more["Cookie"] = self.cookie
        answer = self.examiner.ask(method, path, status, body, **more)
        for cookie in self.examiner.fields.get_all("Set-Cookie") or []:
            self.cookie = cookie.split(";")[0]
        return answer

    def change(self, method, path, status, body=None, **more):
        return self.ask(method, path, status, body, twice=False, **more)


def ask_clients(own, top, site, stranger=None):
    top += "/api-clients"
    grant = [{"site_id": site, "role": "admin"}]
    whole = {"name": "ci", "description": "d", "instance_role": "user", "expires_at": "2036-01-01T00:00:00Z",
             "site_roles": grant}
    own.ask("POST", top, 400, {"name": "x", "colour": "red"})
    own.ask("POST", top, 400, {"name": " "}, good=True)
    own.ask("POST", top, 400, {"name": "x", "description": "d" * 501})
    own.ask("POST", top, 403, {"name": "x", "site_roles": [{"site_id": NOWHERE, "role": "admin"}]})
    own.ask("POST", top, 403, {"name": "x", "site_roles": grant * 101}, good=False)
    made = own.change("POST", top, 201, whole)["client"]["id"]
    one = f"{top}/{made}"
    own.ask("GET", top, 200)
    own.change("PUT", one, 200, {**whole, "revoked": True})
    own.ask("POST", f"{one}/rotate", 409)
    own.change("PUT", one, 200, {**whole, "revoked": False, "expires_at": None})
    own.ask("PUT", one, 400, {"name": ""})
    own.ask("PUT", one, 403, {**whole, "site_roles": [{"site_id": NOWHERE, "role": "admin"}]})
    own.ask("POST", f"{one}/rotate", 400, {"overlap_seconds": -1})
    own.change("POST", f"{one}/rotate", 200, {"overlap_seconds": 60})
    for method, path, body in (("PUT", "", whole), ("DELETE", "", None), ("POST", "/rotate", None)):
        own.ask(method, f"{top}/x{path}", 400, body)
        own.ask(method, f"{top}/{NOWHERE}{path}", 404, body)
    own.change("DELETE", one, 204)
    if stranger:
        for method, path, body in (("GET", top, None), ("POST", top, whole), ("PUT", one, whole), ("DELETE", one, None),
                                   ("POST", one + "/rotate", None)):
            stranger.ask(method, path, 403, body)
        own.ask("GET", "/api/user/teams/x/api-clients", 400)


def ask_teams(own, other, team, bob):
    top = "/api/user/teams"
    own.ask("POST", top, 400, {"name": ""})
    shop = own.change("POST", top, 201, {"name": "shop"})["team"]["id"]
    own.ask("POST", top, 409, {"name": "shop"})
    for method in ("PUT", "PATCH"):
        own.change(method, f"{top}/{shop}", 200, {"name": "shops"})
        own.ask(method, f"{top}/{team}", 409, {"name": "shops"})
        own.ask(method, f"{top}/x", 400, {"name": "shops"})
        other.ask(method, f"{top}/{shop}", 403, {"name": "mine"})
    members = f"{top}/{shop}/members"
    ann = own.ask("GET", members, 200)[0]["user_id"]
    own.ask("GET", f"{top}/x/members", 400)
    other.ask("GET", members, 403)
    other.ask("POST", members, 403, {"email": "bob@example.com", "role": "owner"})
    own.ask("POST", members, 400, {"email": "bob@example.com", "role": "boss"})
    own.ask("POST", members, 404, {"email": "nobody@example.com", "role": "member"})
    own.ask("POST", members, 409, {"email": "ann@example.com", "role": "member"})
    own.ask("POST", members, 409, {"email": "bob@example.com", "role": "owner"})
    named = own.ask("GET", f"{top}/{shop}/audit?limit=1&action=team.renamed", 200)
    check(named["total"] >= 1 and named["action"] == "team.renamed" and named["entries"][0]["team_id"] == shop, named)
    check(own.ask("GET", f"{top}/{team}/audit?action=team.renamed", 200)["total"] == 0, "another team's entries")
    own.ask("GET", f"{top}/{shop}/audit?limit=x", 400)
    other.ask("GET", f"{top}/{shop}/audit", 403)
    hand = f"{top}/{shop}/transfer-ownership"
    own.ask("POST", hand, 400, {"target_user_id": bob})
    own.change("POST", members, 200, {"email": "bob@example.com", "role": "member"})
    own.change("PUT", f"{members}/{bob}", 200, {"role": "admin"})
    own.ask("PUT", f"{members}/{bob}", 400, {"role": "boss"})
    other.ask("PUT", f"{members}/{bob}", 403, {"role": "owner"})
    for method, body, last in (("PUT", {"role": "member"}, 409), ("DELETE", None, 400)):
        own.ask(method, f"{members}/x", 400, body)
        own.ask(method, f"{members}/{NOWHERE}", 404, body)
        own.ask(method, f"{members}/{ann}", last, body)
    other.ask("DELETE", f"{members}/{ann}", 403)
    own.ask("POST", hand, 400, {"target_user_id": "x"})
    own.ask("POST", hand, 409, {"target_user_id": ann})
    other.ask("POST", hand, 403, {"target_user_id": ann})
    other.ask("DELETE", f"{top}/{shop}/leave", 400)
    own.change("POST", hand, 200, {"target_user_id": bob})
    own.change("DELETE", f"{top}/{shop}/leave", 200)
    own.ask("DELETE", f"{top}/{shop}/leave", 403)
    other.change("POST", members, 200, {"email": "ann@example.com", "role": "admin"})
    other.change("PUT", f"{members}/{ann}", 200, {"role": "owner"})
    own.change("DELETE", f"{members}/{bob}", 200)
    other.ask("POST", f"{top}/{shop}/archive", 403)
    own.ask("POST", f"{top}/{team}/archive", 400)
    own.change("POST", f"{top}/{shop}/archive", 200)


def ask_own_sites(own, other, desk, team):
    own.ask("GET", "/api/sites", 200)
    own.ask("POST", "/api/sites", 400, {"domain": "x y", "team_id": team}, good=True)
    other.ask("POST", "/api/sites", 403, {"domain": "new.example", "team_id": team})
    site = own.change("POST", "/api/sites", 200, {"domain": "new.example", "team_id": team})["id"]
    ask_site(own, other, f"/api/sites/{site}", team)
    own.ask("POST", "/api/sites", 409, {"domain": SITE, "team_id": team})
    aliases = f"/api/sites/{site}/aliases"
    for method in ("POST", "DELETE"):
        own.ask(method, "/api/sites/x/aliases", 400, {"host": "a.example"})
        own.ask(method, aliases, 400, {"host": "x y"}, good=True)
        other.ask(method, aliases, 403, {"host": "a.example"})
    own.ask("POST", aliases, 409, {"host": SITE})
    own.ask("DELETE", aliases, 404, {"host": "nowhere.example"})
    own.change("POST", aliases, 200, {"host": "a.example"})
    own.change("DELETE", aliases, 200, {"host": "a.example"})
    own.ask("DELETE", "/api/sites/x", 400)
    other.ask("DELETE", f"/api/sites/{site}", 403)
    own.change("DELETE", f"/api/sites/{site}", 200)


def ask_site(own, other, top, team):
    bob = {"email": "bob@example.com", "role": "viewer"}
    for method, path, body in (("PUT", "retention", {"days": 7}), ("PUT", "domain", {"domain": "other.example"}),
                               ("POST", "transfer-team", {"team_id": team}), ("POST", "members", bob)):
        own.ask(method, f"/api/sites/x/{path}", 400, body)
        own.ask(method, f"{top}/{path}", 400, "[]")
        other.ask(method, f"{top}/{path}", 403, body)
    own.ask("PUT", f"{top}/domain", 409, {"domain": SITE})
    own.ask("POST", f"{top}/members", 404, bob)
    own.change("PUT", f"{top}/retention", 200, {"days": 7})
    own.change("PUT", f"{top}/domain", 200, {"domain": "other.example"})
    own.change("POST", f"{top}/transfer-team", 200, {"team_id": team})
    own.change("POST", f"/api/user/teams/{team}/members", 200, {"email": bob["email"]})
    own.change("POST", f"{top}/members", 200, bob)
    own.ask("GET", "/api/sites/x/members", 400)
    him = [m["user_id"] for m in own.ask("GET", f"{top}/members", 200) if m["email"] == bob["email"]][0]
    own.ask("DELETE", f"{top}/members/x", 400)
    own.ask("DELETE", f"{top}/members/{NOWHERE}", 404)
    other.ask("DELETE", f"{top}/members/{him}", 403)
    own.change("DELETE", f"{top}/members/{him}", 200)
    own.change("DELETE", f"/api/user/teams/{team}/members/{him}", 200)
    other.ask("GET", f"{top}/members", 403)


def ask_server_exclusions(own, other):
    top, new = "/api/admin/exclusions", {"type": "path", "path": "/nowhere"}
    one = f"{top}/{own.change('POST', top, 201, new)['id']}"
    own.ask("GET", top, 200)
    own.ask("POST", top, 409, new)
    own.ask("POST", top, 400, {"type": "cidr", "cidr": "x"})
    own.change("DELETE", one, 204)
    own.ask("DELETE", one, 404)
    own.ask("DELETE", f"{top}/x", 400)
    for method, path, body in (("GET", top, None), ("POST", top, new), ("DELETE", one, None)):
        other.ask(method, path, 403, body)


def ask_team_exclusions(own, other, team):
    top, new = f"/api/user/teams/{team}/exclusions", {"type": "path", "path": "/nowhere"}
    one = f"{top}/{own.change('POST', top, 201, new)['id']}"
    own.ask("GET", top, 200)
    own.ask("GET", top + "?effective=true", 200)
    own.ask("GET", top + "?effective=maybe", 400)
    own.ask("POST", top, 409, new)
    own.ask("POST", top, 400, {"type": "cidr", "cidr": "x"})
    own.change("DELETE", one, 204)
    own.ask("DELETE", one, 404)
    own.ask("DELETE", f"{top}/x", 400)
    for method, path, body in (("GET", top, None), ("POST", top, new), ("DELETE", one, None)):
        other.ask(method, path, 403, body)


def ask_users(own, other, bob):
    top = "/api/admin/users"
    ann = own.ask("GET", "/api/user", 200)["id"]
    own.ask("GET", top, 200)
    own.ask("GET", "/api/admin/audit?limit=5", 200)
    own.ask("POST", top, 400, {"email": "nobody"})
    own.ask("POST", top, 409, {"email": "bob@example.com"})
    whom = {"PUT": {"disabled": False}, "DELETE": None, "POST": {"new_password": "a long sentence"}}
    for method, body in whom.items():
        path = "/password" if method == "POST" else ""
        own.ask(method, f"{top}/x{path}", 400, body)
        own.ask(method, f"{top}/{NOWHERE}{path}", 404, body)
        other.ask(method, f"{top}/{ann}{path}", 403, body)
    own.ask("PUT", f"{top}/{ann}", 409, {"disabled": True})
    own.ask("DELETE", f"{top}/{ann}", 400)
    role = f"{top}/{bob}/role"
    own.ask("POST", role, 400, {"role": "king"})
    own.ask("POST", f"{top}/{NOWHERE}/role", 404, {"role": "user"})
    own.ask("POST", f"{top}/{ann}/role", 409, {"role": "user"})
    other.ask("POST", role, 403, {"role": "user"})
    own.change("POST", role, 200, {"role": "user"})
    ask_server_exclusions(own, other)
    ask_whole_server(own, other)
    for path in (top, "/api/admin/audit"):
        other.ask("GET", path, 403)
    other.ask("POST", top, 403, {"email": "eve@example.com"})
    own.ask("PUT", f"{top}/{bob}", 200, {"instance_role": "admin"})
    his = other.change("POST", "/api/user/teams", 201, {"name": "his"})["team"]["id"]
    own.ask("DELETE", f"{top}/{bob}", 409)
    own.ask("DELETE", f"/api/admin/teams/{his}", 400)
    own.change("POST", f"/api/admin/teams/{his}/archive", 200)
    own.change("DELETE", f"/api/admin/teams/{his}", 200)
    own.ask("DELETE", f"/api/admin/teams/{his}?force=true", 404)
    own.change("DELETE", f"{top}/{bob}", 200)


def ask_whole_server(own, other):
    site = own.change("POST", "/api/sites", 200, {"domain": "short.example"})["id"]
    for path in ("sites", "teams", "system/audit"):
        own.ask("GET", f"/api/admin/{path}", 200)
        other.ask("GET", f"/api/admin/{path}", 403)
    own.ask("GET", "/api/admin/system/audit?limit=x", 400)
    own.ask("GET", "/api/admin/system/audit?action=site.created&limit=2&offset=1&query=a", 200)
    own.ask("DELETE", "/api/admin/sites/x", 400)
    own.ask("DELETE", f"/api/admin/sites/{NOWHERE}", 404)
    other.ask("DELETE", f"/api/admin/sites/{site}", 403)
    own.change("DELETE", f"/api/admin/sites/{site}", 200)
    other.ask("DELETE", f"/api/admin/teams/{NOWHERE}", 403)
    own.ask("POST", f"/api/admin/teams/{NOWHERE}/archive", 400)
    other.ask("POST", f"/api/admin/teams/{NOWHERE}/archive", 403)


def refuse_strangers(e, own):
    """What goes by a cookie: 401 without one, and 404 for a page of another site."""
    for name, (operation, _) in e.document.operations.items():
        if {"cookie": []} not in operation.get("security", e.document.root["security"]) and name not in BEFORE_COOKIES:
            continue
        method, path = name.split(" ")
        path = re.sub(r"\{\w+\}", NOWHERE, path)
        if "401" in operation["responses"] and name not in BEFORE_COOKIES:
            e.ask(method, path, 401, good=False)
        if method != "GET":
            own.ask(method, path, 404, good=False, Origin="https://evil.example", Sec_Fetch_Site="cross-site")


BEFORE_COOKIES = {"POST /api/login", "POST /api/logout", "POST /api/initial-user"}


def ask_server(e, desk):
    for path in ("/healthz", "/readyz", "/api/docs/versions", "/api/docs/v1/openapi.json", "/api/docs/",
                 "/api/docs/reference.js", "/api/docs/reference.css"):
        e.ask("GET", path, 200)
    e.ask("GET", "/api/sites", 200, token=desk.token)
    e.ask("GET", "/api/sites", 401, good=False)
    e.ask("GET", "/api/nodes", 200, token=desk.token)
    e.ask("GET", "/api/nodes", 401, good=False)


def examine(world, proxied):
    desk = Desk(world, "initial_user: true\nhitkeep_compat: strict\n")
    e = Examiner(desk.server, Prism(world, desk.server) if proxied else None)
    for part in (ask_ingest, ask_batches, ask_reports, ask_stream, ask_exclusions, ask_people, ask_server):
        part(e, desk)
    e.settle(lambda status: status not in UNASKED | {"429"})
    # The same server, with as little patience as it can have.
    desk.server.stop()
    desk.server.config = world.write("strict.yaml", "limits: {ingest_rate: 1, ingest_burst: 1, api_rate: 1, "
                                     "api_burst: 1, auth_rate: 1, auth_burst: 1, exempt_loopback: false}\n")
    desk.server.start()
    limited = [n for n, (o, _) in e.document.operations.items() if "429" in o["responses"]]
    for name in limited:
        e.ask_limited(name)
    e.settle(lambda status: status == "429")


def test_answers(world):
    examine(world, False)


def test_prism(world):
    tool("")
    examine(world, True)
