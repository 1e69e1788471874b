"""The server as it stands in the world: behind nginx and Caddy, on systemd's socket, and while it ends."""
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

import lines
import test_contract
import test_people
from test_batch import Batch, accepted
from harness import SITE, Server, World, start_nginx, wait_stored
from proc import Proc, Skip, check, wait_for


class OverUnix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class TlsOverUnix(OverUnix):
    def connect(self):
        super().connect()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)


class FrontServer(Server):
    """Listens on a unix socket; whoever asks it asks the proxy, which has another."""

    connect = OverUnix

    def start(self, fault=None, seconds=20):
        self.address = "unix:" + self.world.path("behind")
        super().start(fault, seconds)
        self.front = self.world.proxy(self.world)
        return self

    @property
    def url(self):
        return "unix:" + self.front

    def request(self, method, path, body=b"", token=None, headers=None):
        connection = self.connect(self.front)
        fields = dict(headers or {}, **({"Authorization": "Bearer " + token} if token else {}))
        try:
            connection.request(method, path, body or None, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


class FrontWorld(World):
    """A world below another one, whose servers stand behind a proxy."""

    def __init__(self, world, name, proxy):
        super().__init__(world.mkdir(name), os.path.dirname(world.agent_bin), world.random.random())
        self.proxy = proxy

    def server(self, sites=(SITE,), grants=None, config=None, name="server"):
        return FrontServer(self, sites, grants, config, name)


def nginx(world, tls=False):
    """The location of docs/operations.md; with `tls`, as configuration.md wants it for people's pages."""
    prefix, front = world.mkdir("nginx"), world.path("front")
    with open(os.path.join(os.path.dirname(__file__), "../../docs/operations.md"), encoding="utf-8") as f:
        location = f.read().split("For nginx:\n\n```\n")[1].split("```")[0]
    location = location.replace("http://127.0.0.1:8080", f"http://unix:{world.path('behind')}")
    check(location.startswith("location /api/ {") and "unix:" in location, f"the page has another block: {location}")
    listen, more = f"unix:{front}", ""
    if tls:
        listen += " ssl"
        more = f"ssl_certificate {prefix}/cert; ssl_certificate_key {prefix}/key;"
        location = location.replace("}", "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
                                    "    proxy_set_header X-Forwarded-Proto $scheme;\n}")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=stats.example", "-keyout", prefix + "/key", "-out", prefix + "/cert"],
                       check=True, capture_output=True, timeout=60)
    start_nginx(world, f"""    access_log off;
    server {{
        listen {listen};
        {more}
        {location}
        location / {{ proxy_pass http://unix:{world.path("behind")}; }}
    }}
""")
    return front


def caddy(world):
    front = world.path("front")
    file = world.write("Caddyfile", f"""{{
    admin off
    auto_https off
}}
http://localhost {{
    bind unix/{front}
    reverse_proxy unix/{world.path("behind")}
}}
""")
    Proc(["caddy", "run", "--config", file, "--adapter", "caddyfile"], world.dir, "caddy",
         {"HOME": world.dir, "XDG_DATA_HOME": world.dir, "XDG_CONFIG_HOME": world.dir})
    wait_for(lambda: os.path.exists(front), 20, "caddy")
    return front


def contract_through(world, proxy, functions):
    """The contract's tests as they are, and an agent's batches, through that proxy."""
    for i, function in enumerate(functions):
        function(FrontWorld(world, str(i), proxy))
    below = FrontWorld(world, "a", proxy)
    server = below.server().start()
    log = lines.Log(below.path("access.log"))
    log.write(300)
    agent = below.agent(server).start()
    wait_stored(server, log.written)
    agent.stop()
    rows = json.loads(server.cli("report", "--json"))
    check(rows, "no report")


def test_nginx(world):
    contract_through(world, nginx, [
        test_contract.test_ai_fetch_checks, test_contract.test_pageview_checks, test_contract.test_event_checks,
        test_contract.test_tokens, test_contract.test_roles])


def cookie_of(server):
    """Logs in, and gives the whole field."""
    body = json.dumps({"email": test_people.OWNER, "password": test_people.SECRET}).encode()
    status, headers, text = server.request("POST", "/api/login", body)
    check(status == 200, f"{status} {text!r}")
    return headers["Set-Cookie"]


def start_for_people(world, config, tls):
    server = world.server(config=world.write("server.yaml", "initial_user: true\n" + config))
    if tls:
        server.connect = TlsOverUnix
    return server.start()


def test_people_through_nginx(world):
    """Logins, management, the rule of foreign pages, and an export that is made piece by piece."""
    below = FrontWorld(world, "tls", lambda w: nginx(w, True))
    server = start_for_people(below, "trusted_proxies: [127.0.0.1]\n", True)
    ann = test_people.first(server)
    check("; Secure" in cookie_of(server), "TLS ends at the proxy: the cookie goes over plain HTTP, too")
    evil = {"Origin": "https://evil.example"}
    ann.want(404, "POST", "/api/user/api-clients", {"name": "a"}, **evil)
    ann.want(404, "POST", "/api/user/api-clients", {"name": "a"}, Sec_Fetch_Site="cross-site")
    made = ann.want(201, "POST", "/api/user/api-clients", {"name": "a", "site_roles": []},
                    Sec_Fetch_Site="same-origin")
    check(made["token"].startswith("lf_"), f"{made}")
    check([n["node"] for n in ann.want(200, "GET", "/api/nodes")] == [], "nodes that nobody has seen")
    batch = Batch()
    for n in range(5000):
        batch.fetch(n)
    accepted(server, batch, 5000)
    site = json.loads(server.request("GET", "/api/sites", token=server.token)[2])[0]["id"]
    path = f"/api/sites/{site}/ai-fetch/export?from=2026-10-01T00:00:00Z&to=2026-10-31T00:00:00Z&format="
    rows = ann.ask("GET", path + "ndjson")[1].splitlines()
    check(len(rows) == 5000 and len({json.loads(r)["path"] for r in rows}) == 5000, f"{len(rows)} rows")
    ann.want(200, "POST", "/api/logout", {})
    ann.want(401, "GET", "/api/user")
    # By its name, for a proxy that says nothing of TLS.
    below = FrontWorld(world, "plain", nginx)
    server = start_for_people(below, "public_url: https://stats.example\n", False)
    ann = test_people.first(server)
    check("; Secure" in cookie_of(server), "public_url says https")
    ann.want(404, "POST", "/api/user/api-clients", {"name": "a"}, **evil)
    ann.want(201, "POST", "/api/user/api-clients", {"name": "a", "site_roles": []},
             Origin="https://stats.example", Sec_Fetch_Site="cross-site")


def test_caddy(world):
    if not shutil.which("caddy"):
        raise Skip("no caddy")
    contract_through(world, caddy, [test_contract.test_pageview_checks, test_contract.test_tokens])


# ---- ending ---------------------------------------------------------------------------------------

def half_a_request(server, address):
    """A connection with all but the last byte of a pageview, and that byte."""
    body = json.dumps(test_contract.view()).encode()
    s = socket.create_connection(address, 20)
    s.sendall((f"POST {test_contract.PAGEVIEW} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body[:-1])
    return s, body[-1:]


def test_drain(world):
    """At SIGTERM what is under way is answered, idle connections are closed, new ones are refused; exit 0."""
    server = world.server().start()
    host, port = server.address.rsplit(":", 1)
    address = (host, int(port))
    idle = socket.create_connection(address, 20)
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    check(idle.recv(4096).startswith(b"HTTP/1.1 200"), "no answer")
    running, last = half_a_request(server, address)
    wait_for(lambda: server.proc.alive() and probe(address), 10, "the half request to be read")
    server.proc.signal(signal.SIGTERM)
    server.proc.wait_event("stopping", 10)
    check(idle.recv(1) == b"", "an idle connection stays open")
    wait_for(lambda: not probe(address), 10, "new connections to be refused")
    check(server.proc.alive(), "it did not wait for the request under way")
    running.sendall(last)
    answer = b"".join(iter(lambda: running.recv(4096), b""))
    check(answer.startswith(b"HTTP/1.1 202") and b"Connection: close" in answer, f"{answer}")
    code = wait_for(lambda: (server.proc.child.poll() is not None) and [server.proc.child.returncode], 10, "the end")[0]
    check(code == 0 and server.count() == 1, f"exit {code}, {server.count()} records")
    server.proc.ended_here = True


def probe(address):
    try:
        with socket.create_connection(address, 5) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return s.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_socket_activation(world):
    """systemd's socket outlives the server: who asks during a restart waits, and is answered by the next one."""
    server = world.server()
    listening = socket.create_server(("127.0.0.1", 0), backlog=16)
    address = listening.getsockname()

    def start():
        script = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@" 3<&0 0</dev/null'
        server.proc = Proc(["sh", "-c", script, world.server_bin, "--store", server.store, "serve"], world.dir, "server",
                           stdin=listening)
        event = server.proc.wait_event("listening", 20)
        check(event["address"] == "systemd:0" and event["port"] == address[1], f"{event}")
    start()
    check(probe(address), "no answer on systemd's socket")
    running, last = half_a_request(server, address)
    check(probe(address), "no answer beside a half request")
    server.proc.signal(signal.SIGTERM)
    server.proc.wait_event("stopping", 10)
    waiting = socket.create_connection(address, 20)
    waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    running.sendall(last)
    check(running.recv(4096).startswith(b"HTTP/1.1 202"), "the request under way")
    wait_for(lambda: server.proc.child.poll() is not None, 10, "the end")
    check(server.proc.child.returncode == 0, f"exit {server.proc.child.returncode}")
    server.proc.ended_here = True
    waiting.settimeout(0.2)
    try:
        check(waiting.recv(1) is None, "it was answered, or closed, with no server there")
    except socket.timeout:
        pass
    waiting.settimeout(20)
    start()
    check(waiting.recv(4096).startswith(b"HTTP/1.1 200"), "who waited is not answered")
    server.stop()
    listening.close()
