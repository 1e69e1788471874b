"""People at the server: the first one, logins, API clients of their own and of teams, what each may do."""
import json

import lines
from harness import SITE
from proc import check

OWNER, OTHER = "ann@example.com", "bob@example.com"
SECRET, NEXT = "correct horse battery", "another horse, another battery"
NOBODY = "4134b5f7-33a0-4c53-b20b-000000000000"
CONFIG = "initial_user: true\nlimits: {exempt_loopback: true}\n"


class Browser:
    """Requests with the cookie that the server has set."""

    def __init__(self, server):
        self.server = server
        self.cookie = None

    def ask(self, method, path, body=None, **headers):
        fields = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.cookie:
            fields["Cookie"] = f"theme=dark; hk_token={self.cookie}"
        text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        status, got, answer = self.server.request(method, path, text, None, fields)
        for cookie in got.get_all("Set-Cookie") or []:
            value = cookie.split(";")[0].partition("=")[2]
            self.cookie = value or None
            check("HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie, cookie)
        return status, answer

    def want(self, status, method, path, body=None, text=None, **headers):
        """The answer, read as JSON when it is; `text`: the error's exact message."""
        got, answer = self.ask(method, path, body, **headers)
        check(got == status, f"{method} {path} {body}: {got} {answer[:300]!r} instead of {status}")
        if text is not None:
            check(answer == (text + "\n").encode(), f"{method} {path} {body}: {answer!r} instead of {text!r}")
        return json.loads(answer) if answer[:1] in (b"{", b"[") else answer

    def log_in(self, email, password):
        return self.want(200, "POST", "/api/login", {"email": email, "password": password})


def start(world):
    server = world.server(config=world.write("server.yaml", CONFIG))
    server.start()
    return server


def push(server, token, path="/p"):
    """The status of an AI fetch sent with that token."""
    sites = json.loads(server.request("GET", "/api/sites", token=server.token)[2])
    body = {"path": path, "status_code": 200, "user_agent": lines.AI[0]}
    return server.request("POST", f"/api/sites/{sites[0]['id']}/ingest/ai-fetch", json.dumps(body).encode(),
                          token)[0]


def first(server):
    """The first person, logged in."""
    browser = Browser(server)
    browser.want(201, "POST", "/api/initial-user", {"email": OWNER, "password": SECRET})
    return browser


def test_first_user_and_logins(world):
    server = start(world)
    browser = Browser(server)
    # HitKeep's `cloud` is an object, and there only where it is hosted.
    asked = browser.want(200, "GET", "/api/status")
    check(asked["needs_setup"] is True and set(asked) == {"needs_setup", "version"}, f"{asked}")
    browser.want(401, "GET", "/api/user", text="Unauthorized")
    for body, text in (({"email": OWNER, "password": "short"},
                        "Email required; Password must be at least 8 characters"),
                       ({"email": "", "password": SECRET},
                        "Email required; Password must be at least 8 characters"),
                       ({"email": "nobody", "password": SECRET}, "A valid email is required"),
                       ({"email": OWNER, "password": "x" * 257},
                        "Password must have 8 to 256 bytes and no control characters"),
                       ({"email": OWNER, "password": SECRET, "last_name": "n" * 121},
                        "Given and last name must be 120 characters or fewer"),
                       ({"email": 1}, "Invalid request body"), (b"", "Invalid request body")):
        browser.want(400, "POST", "/api/initial-user", body, text)
    made = browser.want(201, "POST", "/api/initial-user",
                        {"email": OWNER.upper(), "password": SECRET, "given_name": "Ann", "last_name": "Lee", "more": 1})
    check(made == {"token": browser.cookie}, str(made))
    check(browser.want(200, "GET", "/api/status")["needs_setup"] is False, "needs setup again")
    Browser(server).want(403, "POST", "/api/initial-user", {"email": OTHER, "password": SECRET},
                         "Setup has already been completed.")
    me = browser.want(200, "GET", "/api/user")
    check((me["email"], me["name"], me["instance_role"]) == (OWNER, "owner", "owner"), str(me))  # the one that `init` has noted
    check(me["email"] == OWNER and [t["role"] for t in me["teams"]] == ["owner"], str(me))

    again = Browser(server)
    for email, password in ((OWNER, NEXT), (OTHER, SECRET), ("", "")):
        status, answer = again.ask("POST", "/api/login", {"email": email, "password": password})
        check((status, answer) == (401, b"Invalid email or password\n"), f"{status} {answer}")
    again.want(400, "POST", "/api/login", b"{", "Invalid request body")
    # As HitKeep reads it: keys in any case, others passed over.
    body = {"Email": OWNER.title(), "password": SECRET, "remember_me": True, "more": 1}
    check(again.ask("POST", "/api/login", body) == (200, b'{"status":"ok"}\n'), "a login")
    # A page of another site sends the cookie along; a request by hand knows no origin.
    for fields in ({"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}):
        again.want(404, "POST", "/api/logout", text="Not found", **fields)
        check(again.want(200, "GET", "/api/user", **fields)["email"] == OWNER, "reading is refused")
    kept = again.cookie
    check(again.ask("POST", "/api/logout", Origin=server.url) == (200, b'{"status":"ok"}\n'), "a logout")
    check(again.cookie is None, "the cookie is still set")
    again.cookie = kept
    again.want(401, "GET", "/api/user", text="Unauthorized")

    # A new password ends every login but the one that set it; a restart ends none.
    browser.want(403, "POST", "/api/user/password", {"current_password": NEXT, "new_password": NEXT},
                 "Current password is incorrect")
    for body, text in ((b"[]", "Invalid request"), ({"new_password": "short"},
                                                    "New password must be at least 8 characters")):
        browser.want(400, "POST", "/api/user/password", body, text)
    old = browser.cookie
    browser.want(200, "POST", "/api/user/password", {"current_password": SECRET, "new_password": NEXT})
    again.cookie = old
    again.want(401, "GET", "/api/user", text="Unauthorized")
    server.stop()
    server.start()
    check(browser.want(200, "GET", "/api/user")["email"] == OWNER, "logged out by a restart")
    with open(server.proc.log, encoding="utf-8") as f:
        log = f.read()
    held = b"".join(open(path, "rb").read() for path in [server.database()])
    for secret in (SECRET, NEXT, browser.cookie, old):
        check(secret not in log, "a secret is in the log")
        check(secret.encode() not in held, "a secret is in the store")


def test_no_stranger_is_first(world):
    server = world.server()
    server.start()
    browser = Browser(server)
    check(browser.want(200, "GET", "/api/status")["needs_setup"] is False, "anybody may be first")
    browser.want(403, "POST", "/api/initial-user", {"email": OWNER, "password": SECRET}, "Forbidden")


def test_personal_clients(world):
    server = start(world)
    browser = first(server)
    site = json.loads(server.request("GET", "/api/sites", token=server.token)[2])[0]["id"]
    top = "/api/user/api-clients"
    grant = [{"site_id": site, "role": "admin"}]
    wrong = [
        (400, b"{", "Invalid JSON payload"),
        (400, {"name": "x", "colour": "red"}, "Invalid JSON payload"),
        (400, {"name": "  "}, "Name is required and must be <= 120 characters"),
        (400, {"name": "n" * 121}, "Name is required and must be <= 120 characters"),
        (400, {"name": "x", "description": "d" * 501}, "Description must be <= 500 characters"),
        (400, {"name": "x", "instance_role": "king"}, "Invalid instance role"),
        (403, {"name": "x", "site_roles": grant * 101}, "too many delegated site roles"),
        (403, {"name": "x", "site_roles": [{"site_id": "x", "role": "admin"}]},
         "invalid delegated site role site_id"),
        (403, {"name": "x", "site_roles": [{"site_id": site, "role": "boss"}]}, "invalid delegated site role"),
        (403, {"name": "x", "site_roles": [{"site_id": NOBODY, "role": "admin"}]},
         "cannot delegate site role for site without access"),
    ]
    for status, body, text in wrong:
        browser.want(status, "POST", top, body, text)
    made = browser.want(201, "POST", top, {"name": " fetcher ", "description": "d", "site_roles": grant})
    client, token = made["client"], made["token"]
    check(client["name"] == "fetcher" and client["owner_type"] == "personal"
          and client["site_roles"] == grant and "expires_at" not in client, str(client))
    check(push(server, token) == 202, "the new token may not write")
    one = f"{top}/{client['id']}"
    listed = browser.want(200, "GET", top)
    check([c["id"] for c in listed] == [client["id"]] and "last_used_at" in listed[0], str(listed))

    # Rotated, the old token is dead at once; with an overlap it lives on.
    second = browser.want(200, "POST", f"{one}/rotate")["token"]
    check((push(server, token), push(server, second)) == (401, 202), "rotated")
    third = browser.want(200, "POST", f"{one}/rotate", {"overlap_seconds": 60})["token"]
    check((push(server, second), push(server, third)) == (202, 202), "rotated with an overlap")
    browser.want(400, "POST", f"{one}/rotate", {"overlap_seconds": -1})

    # An update replaces everything; revoking can be undone.
    whole = {"name": "fetcher", "instance_role": "user", "site_roles": grant}
    browser.want(400, "PUT", one, {"name": "fetcher"}, "Invalid instance role")
    check("revoked_at" in browser.want(200, "PUT", one, dict(whole, revoked=True)), "not revoked")
    check(push(server, third) == 401, "a revoked token writes")
    browser.want(409, "POST", f"{one}/rotate", text="API client is revoked or expired")
    check("revoked_at" in browser.want(200, "PUT", one, dict(whole, revoked=None)), "null reactivates")
    check("revoked_at" not in browser.want(200, "PUT", one, dict(whole, revoked=False)), "still revoked")
    check(push(server, third) == 202, "reactivated")
    past = browser.want(200, "PUT", one, dict(whole, expires_at="2020-01-01T00:00:00Z"))
    check(past["expires_at"].startswith("2020-01-01T00:00:00") and push(server, third) == 401, "expired")
    check(browser.want(200, "PUT", one, dict(whole, site_roles=[]))["site_roles"] == [], "grants stay")
    check(push(server, third) == 403, "no grant is left")

    # A token is nobody here; nor is another person's client known.
    status, _, answer = server.request("GET", top, token=third)
    check((status, answer) == (401, b"Unauthorized\n"), f"{status} {answer}")
    for name in (NOBODY, client["id"].upper()):
        status, _ = browser.ask("DELETE", f"{top}/{name}x")
        check(status == 400, f"{name}x: {status}")
    browser.want(404, "DELETE", f"{top}/{NOBODY}", text="API client not found")
    browser.want(204, "DELETE", f"{top}/{client['id'].upper()}")
    check(push(server, third) == 401 and browser.want(200, "GET", top) == [], "deleted")


def test_teams(world):
    server = start(world)
    ann = first(server)
    ann.want(201, "POST", "/api/admin/users", {"email": OTHER, "name": "Bob"})
    users = ann.want(200, "GET", "/api/admin/users")
    bob_id = next(u["id"] for u in users if u["email"] == OTHER)
    ann.want(204, "POST", f"/api/admin/users/{bob_id}/password", {"new_password": SECRET})
    bob = Browser(server)
    bob.log_in(OTHER, SECRET)
    bob.want(403, "GET", "/api/admin/users", text="Forbidden")
    team = ann.want(200, "GET", "/api/user/teams")["teams"][0]["id"]
    clients = f"/api/user/teams/{team}/api-clients"

    def bob_sees(text="Access denied"):
        bob.want(403, "GET", clients, text=text)
        bob.want(403, "POST", clients, {"name": "x"}, text)

    bob_sees()
    bob.want(403, "GET", f"/api/user/teams/{NOBODY}/api-clients", text="Access denied")
    bob.want(400, "GET", "/api/user/teams/x/api-clients", text="Invalid team ID")
    ann.want(200, "POST", f"/api/user/teams/{team}/members", {"email": OTHER, "role": "member"})
    bob_sees()
    site = ann.want(200, "POST", "/api/sites", {"domain": " Second.example", "team_id": team})
    check(site["domain"] == "second.example", str(site))
    grant = [{"site_id": site["id"], "role": "owner"}]
    made = ann.want(201, "POST", clients, {"name": "team's", "site_roles": grant})
    check(made["client"]["owner_type"] == "team" and made["client"]["tenant_id"] == team, str(made))
    one = f"{clients}/{made['client']['id']}"
    bob.want(403, "DELETE", one, text="Access denied")
    ann.want(200, "PUT", f"/api/user/teams/{team}/members/{bob_id}", {"role": "admin"})
    check(len(bob.want(200, "GET", clients)) >= 1, "an admin sees the clients")
    # Nobody gives more than he has: an admin of the team is admin of its sites, no owner.
    bob.want(403, "POST", clients, {"name": "x", "site_roles": grant}, "cannot delegate requested site role")
    bob.want(201, "POST", clients, {"name": "x", "site_roles": [{"site_id": site["id"], "role": "admin"}]})
    bob.want(403, "PUT", f"/api/user/teams/{team}/members/{bob_id}", {"role": "owner"}, "Access denied")
    ann_id = ann.want(200, "GET", "/api/user")["id"]
    ann.want(400, "DELETE", f"/api/user/teams/{team}/members/{ann_id}", text="Cannot remove last owner")

    # The team's client outlives who made it; a person that is disabled is out at once.
    token = made["token"]
    ann.want(200, "PUT", f"/api/admin/users/{bob_id}", {"disabled": True})
    bob.want(401, "GET", "/api/user", text="Unauthorized")
    ann.want(200, "PUT", f"/api/admin/users/{bob_id}", {"disabled": False})
    bob.want(401, "GET", "/api/user", text="Unauthorized")
    bob.log_in(OTHER, SECRET)
    ann.want(200, "DELETE", f"/api/user/teams/{team}/members/{bob_id}")
    bob_sees()
    check(len(json.loads(server.request("GET", "/api/sites", token=token)[2])) == 1, "the team's client is gone")
    ann.want(200, "POST", f"/api/sites/{site['id']}/aliases", {"host": "second.example.net"})
    # What is under a site goes by the cookie, too.
    check(ann.want(200, "GET", f"/api/sites/{site['id']}/exclusions") == [], "there are exclusions")
    ann.want(200, "GET", f"/api/sites/{site['id']}/stats")
    ann.want(404, "POST", f"/api/sites/{site['id']}/exclusions", {"type": "path", "path": "/x"}, "Not found",
             Origin="https://evil.example")
    # Exclusions leave an entry each, with no more of an address than its network.
    mine = ann.want(201, "POST", f"/api/sites/{site['id']}/exclusions", {"type": "cidr", "cidr": "203.0.113.77"})
    whole = ann.want(201, "POST", "/api/admin/exclusions", {"type": "path", "path": "/everywhere"})
    check(ann.want(200, "GET", "/api/admin/exclusions") == [whole], "the server's exclusions")
    ann.want(404, "DELETE", f"/api/sites/{site['id']}/exclusions/{whole['id']}", text="Not found")
    ann.want(404, "DELETE", f"/api/admin/exclusions/{mine['id']}", text="Not found")
    ann.want(400, "DELETE", "/api/admin/exclusions/x", text="Invalid rule ID")
    ann.want(204, "DELETE", f"/api/admin/exclusions/{whole['id']}")
    server.cli("exclude", "remove", mine["id"])
    bob.want(403, "GET", "/api/admin/exclusions", text="Forbidden")
    told = [e for e in ann.want(200, "GET", "/api/admin/audit?limit=1000") if e["action"].startswith("exclusion.")]
    expected = [("owner", "created", site["domain"], mine["id"], "ip in 203.0.113.0/24"),
                ("owner", "created", "instance", whole["id"], "path /everywhere"),
                ("owner", "deleted", "instance", whole["id"], "path /everywhere"),
                ("", "deleted", site["domain"], mine["id"], "ip in 203.0.113.0/24")]
    check([(e["actor"] or "", e["action"].split(".")[1], e["subject"], *e["detail"].split(" ", 1)) for e in told] ==
          expected, f"{told}")
    bob.want(403, "GET", f"/api/sites/{site['id']}/stats", text="Access denied")
    ann.want(409, "POST", f"/api/sites/{site['id']}/aliases", {"host": SITE}, "Host belongs to a site already")
    bob.want(403, "DELETE", f"/api/sites/{site['id']}", text="Access denied")
    ann.want(200, "DELETE", f"/api/sites/{site['id']}")
    actions = [e["action"] for e in ann.want(200, "GET", "/api/admin/audit?limit=1000")]
    for action in ("api_client.created", "user.login"):
        check(action in actions, f"{action} is not in the audit log: {actions}")
