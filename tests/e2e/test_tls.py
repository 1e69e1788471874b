"""Off loopback: https only, verified, and bodies compressed."""
import os
import ssl
import subprocess

import lines
from harness import expected, wait_sunk
from proc import check, wait_for


def certificate(world, name):
    """A key and a self-signed certificate for ingest.localhost, which libcurl takes for this machine
    and the configuration does not."""
    key, pem = world.path(name + ".key"), world.path(name + ".pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=ingest.localhost", "-addext",
                    "subjectAltName=DNS:ingest.localhost", "-keyout", key, "-out", pem],
                   check=True, capture_output=True)
    return key, pem


def tls_sink(world):
    sink = world.sink()
    key, pem = certificate(world, "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    sink.http.socket = context.wrap_socket(sink.http.socket, server_side=True)
    return sink, pem


def configure(agent, sink, keys):
    agent.configure(url=f"https://ingest.localhost:{sink.port}")
    with open(agent.config, encoding="utf-8") as f:
        text = f.read()
    with open(agent.config, "w", encoding="utf-8") as f:
        f.write(text.replace("token_file:", keys + "token_file:", 1))


def test_tls_with_a_ca_of_ones_own(world):
    """What is sent over TLS is the same lines, compressed with zstd."""
    sink, pem = tls_sink(world)
    log = lines.Log(world.path("access.log"))
    log.write(500)
    agent = world.agent(sink)
    configure(agent, sink, f"ca_file: {pem}, ")
    agent.start()
    wait_sunk(sink, log.written)
    check(sink.encodings == {"zstd"}, f"bodies came as {sink.encodings}")
    agent.stop()


def test_tls_that_cannot_be_verified(world):
    """An unknown certificate is refused, said, and nothing is lost once it is known."""
    sink, pem = tls_sink(world)
    log = lines.Log(world.path("access.log"))
    log.write(200)
    agent = world.agent(sink)
    configure(agent, sink, "")
    agent.start()
    wait_for(lambda: agent.proc.events("destination_unwell"), 20, "the complaint")
    complaint = agent.proc.events("destination_unwell")[0]
    check("certificate" in str(complaint).lower(), f"unclear: {complaint}")
    check(not sink.requests, "something was sent to a server that nobody verified")
    agent.stop()
    configure(agent, sink, f"ca_file: {pem}, ")
    agent.start()
    wait_sunk(sink, log.written)
    agent.stop()


def test_plain_http_off_loopback_is_refused(world):
    agent = world.agent("http://ingest.example.net")
    _, out, err = agent.command("check", "--offline", expect=78)
    out += err
    check("plain http would show the token" in out, out)
    check(os.path.basename(agent.config) in out, f"does not name the file: {out}")
