#!/usr/bin/env python3
"""Lines of real servers for tests/data/golden, by hand: python3 tests/golden/make.py [SERVER…]

Starts Debian's nginx, apache2, haproxy and varnish on loopback, sends each the same odd requests, and writes what they
log: <name>.log, and in <name>.spec the format. Then `GOLDEN_WRITE=1 build/…/test_golden` writes <name>.json, what is read
from each line; look at the difference, line by line, before you commit it. Ports, times and versions differ each time.
Needs root where the servers insist on it; writes below a temporary directory only.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

OUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "golden"
COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
RICH = ('$host $remote_addr [$time_iso8601] $msec $request_method $scheme://$http_host$request_uri $server_protocol '
        '$status $bytes_sent rt=$request_time urt="$upstream_response_time" "$http_referer" "$http_user_agent" '
        '"$http_x_forwarded_for" "$sent_http_content_type" "$http_sec_purpose"')
JSON = ('{"time":"$time_iso8601","ip":"$remote_addr","user":"$remote_user","req":"$request","status":$status,'
        '"bytes":$body_bytes_sent,"urt":$upstream_response_time,"ua":"$http_user_agent","ref":"$http_referer"}')
NGINX = {
    "nginx_combined": ("nginx_combined", None, None),
    "nginx_main": ("nginx_main", "default", COMBINED + ' "$http_x_forwarded_for"'),
    "nginx_default": ("nginx:" + RICH, "default", RICH),
    "nginx_none": ("nginx:escape=none " + COMBINED, "none", COMBINED),
    "nginx_json": ("nginx:escape=json " + JSON, "json", JSON),
    "nginx_json_default": ("nginx:" + JSON.replace("$upstream_response_time", '"$upstream_response_time"'), "default",
                           JSON.replace("$upstream_response_time", '"$upstream_response_time"')),
}
APACHE = {
    "apache_common": ("apache_common", '%h %l %u %t \\"%r\\" %>s %b'),
    "apache_combined": ("apache_combined", '%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"'),
    "apache_combinedio": ("apache_combinedio",
                          '%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\" %I %O'),
    "apache_vhost_combined": ("apache_vhost_combined",
                              '%v:%p %h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"'),
}
OWN = ('%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t %V %a %m \\"%U%q\\" %H %>s %B %D %{ms}T %X %k '
       '\\"%{User-Agent}i\\" \\"%{Content-Type}o\\" \\"%!200{Referer}i\\"')
APACHE["apache_own"] = ("apache:" + OWN, OWN)


def request(line, *headers):
    return ("\r\n".join([line, *headers, "Connection: close", "", ""])).encode("latin-1")


HOST = "Host: www.example.com"
REQUESTS = [
    request("GET / HTTP/1.1", HOST, "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    request("GET /docs/?page=2&q=%22a%22 HTTP/1.1", HOST, "Referer: https://ref.example/a?b",
            "User-Agent: Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)",
            "X-Forwarded-For: 198.51.100.7, 10.0.0.1", "Sec-Purpose: prefetch;prerender"),
    request("GET /caf\xc3\xa9?x=\xe2\x82\xac HTTP/1.1", HOST, 'User-Agent: Odd "Bot" \\ 1\t{a|b}#x',
            "Referer: https://ref.example/\xe2\x82\xac"),
    request("HEAD /missing HTTP/1.0", "User-Agent: -"),
    request("GET /a\"b\\c HTTP/1.1", HOST, "User-Agent: back\\slash\\"),
    request("GET http://Shop.Example:80/p?q HTTP/1.1", HOST),
    request("OPTIONS * HTTP/1.1", HOST),
    request("POST / HTTP/1.1", HOST, "Content-Length: 0", "Authorization: Basic YSBiIFtjXSAiZCI6eA=="),
    b"GET /\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"HELP\r\n\r\n",
    request("GET /a b HTTP/1.1", HOST),
    request("GET /long/" + "x" * 1200 + " HTTP/1.1", HOST),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens at {port}")


def send_all(port):
    for data in REQUESTS:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(2)
            s.sendall(data)
            try:
                while s.recv(65536):
                    pass
            except OSError:
                pass


def keep(name, spec, log):
    lines = [line for line in log.split(b"\n") if line]
    (OUT / f"{name}.log").write_bytes(b"".join(line + b"\n" for line in lines))
    (OUT / f"{name}.spec").write_text(spec + "\n")
    print(f"{name}: {len(lines)} lines")


def run(argv, port, work):
    process = subprocess.Popen(argv, cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(port)
    return process


def stop(process):
    process.terminate()
    process.wait(20)


def make_nginx(work):
    port = free_port()
    formats = "\n".join(f"log_format {name} escape={escape} '{text}';" for name, (_, escape, text) in NGINX.items() if text)
    logs = "\n".join(f"access_log {work}/{name}.log {name if text else ''};" for name, (_, _, text) in NGINX.items())
    (work / "index.html").write_text("<p>hello\n")
    (work / "nginx.conf").write_text(f"""daemon off; master_process off; pid {work}/pid; error_log /dev/null; events {{}}
http {{ types {{ text/html html; }} {formats}
server {{ listen 127.0.0.1:{port}; server_name www.example.com; root {work}; {logs} }} }}
""")
    process = run(["nginx", "-c", f"{work}/nginx.conf"], port, work)
    for log in work.glob("*.log"):
        log.write_bytes(b"")  # what wait_for left
    send_all(port)
    time.sleep(0.5)
    stop(process)
    for name, (spec, _, _) in NGINX.items():
        keep(name, spec, (work / f"{name}.log").read_bytes().lstrip(b"\0"))


def make_apache(work):
    port = free_port()
    modules = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in (
        "mpm_event", "authz_core", "dir", "mime"))
    formats = "\n".join(f'LogFormat "{text}" {name}\nCustomLog {work}/{name}.log {name}' for name, (_, text) in APACHE.items())
    (work / "index.html").write_text("<p>hello\n")
    (work / "apache2.conf").write_text(f"""ServerRoot {work}
PidFile {work}/pid
Listen 127.0.0.1:{port}
ServerName www.example.com
ErrorLog /dev/null
{modules}
TypesConfig /etc/mime.types
DocumentRoot {work}
DirectoryIndex index.html
User www-data
Group www-data
<Directory {work}>
Require all granted
</Directory>
{formats}
""")
    os.chmod(work, 0o755)
    process = run(["apache2", "-f", f"{work}/apache2.conf", "-DFOREGROUND"], port, work)
    send_all(port)
    time.sleep(1)
    stop(process)
    for name, (spec, _) in APACHE.items():
        keep(name, spec, (work / f"{name}.log").read_bytes())


def make_haproxy(work):
    plain, captured = free_port(), free_port()
    path = str(work / "log.sock")
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(path)
    log.setblocking(False)
    answer = 'http-request return status 200 content-type text/html string "<p>hello"'
    (work / "haproxy.cfg").write_text(f"""global
    log {path} local0
    maxconn 100
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend plain
    bind 127.0.0.1:{plain}
    {answer}
frontend captured
    bind 127.0.0.1:{captured}
    capture request header Host len 64
    capture request header User-Agent len 200
    capture request header Referer len 200
    capture response header Content-Type len 40
    {answer}
""")
    process = run(["haproxy", "-db", "-f", f"{work}/haproxy.cfg"], plain, work)
    for name, port, spec in (("haproxy_http", plain, "haproxy_http"),
                             ("haproxy", captured, "haproxy:host|user_agent|referrer content_type")):
        time.sleep(0.5)
        try:
            while log.recv(65536):
                pass
        except BlockingIOError:
            pass
        send_all(port)
        time.sleep(1)
        lines = []
        try:
            while True:
                lines.append(log.recv(65536).rstrip(b"\n\0"))
        except BlockingIOError:
            pass
        keep(name, spec, b"\n".join(lines))
    stop(process)


def make_varnish(work):
    port = free_port()
    (work / "v.vcl").write_text("""vcl 4.1;
backend none none;
sub vcl_recv { return (synth(200)); }
""")
    os.chmod(work, 0o755)
    process = run(["varnishd", "-F", "-n", f"{work}/v", "-a", f"127.0.0.1:{port}", "-f", f"{work}/v.vcl",
                   "-s", "malloc,8m", "-p", "feature=+http2"], port, work)
    log = subprocess.Popen(["varnishncsa", "-n", f"{work}/v", "-w", f"{work}/ncsa.log"], stderr=subprocess.DEVNULL)
    time.sleep(2)
    send_all(port)
    time.sleep(1)
    stop(log)
    stop(process)
    keep("varnish_ncsa", "varnish_ncsa", (work / "ncsa.log").read_bytes())


def main():
    makers = {"nginx": make_nginx, "apache2": make_apache, "haproxy": make_haproxy, "varnish": make_varnish}
    OUT.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or makers:
        if not shutil.which({"varnish": "varnishd"}.get(name, name)):
            print(f"{name}: not installed")
            continue
        with tempfile.TemporaryDirectory() as work:
            makers[name](pathlib.Path(work))


if __name__ == "__main__":
    main()
