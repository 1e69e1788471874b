"""A server that throws away what it gets, as fast as Python can: for the figures of what sends to it.

It answers GET /api/sites, and every POST as the batch endpoint would; it counts lines and notes when
records arrive.
"""
import json
import socket
import threading
import time

SITES = json.dumps([{"id": "00000000-0000-4000-8000-000000000001", "user_id": "00000000-0000-4000-8000-000000000002",
                     "domain": "example-shop.com", "data_retention_days": 365, "created_at": "2026-01-01T00:00:00Z"}])
CAPABILITIES = json.dumps({"server": "discard/0", "protocols": ["batch"],
                           "limits": {"decoded_bytes": 32 << 20, "records": 10000}})


class Discard:
    def __init__(self, port=0, on_batch=None):
        self.lines = self.bytes = self.requests = 0
        self.last = 0.0
        self.on_batch = on_batch  # called with the body, for latencies
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while self.one(connection):
                    pass
            except OSError:
                pass

    def one(self, connection):
        """One request; False when the peer is done."""
        head = bytearray()
        while (end := head.find(b"\r\n\r\n")) < 0:
            data = connection.recv(65536)
            if not data:
                return False
            head += data
        fields = head[:end].decode("latin-1").split("\r\n")
        values = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields[1:])}
        if values.get("expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = memoryview(bytearray(int(values.get("content-length", 0))))
        got = len(head) - end - 4
        body[:got] = head[end + 4:]
        while got < len(body):
            n = connection.recv_into(body[got:])
            if not n:
                return False
            got += n
        text = self.answer(fields[0], body)
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
                           .encode())
        return True

    def answer(self, request, body):
        if request.startswith("GET"):
            return SITES if "/sites" in request else CAPABILITIES
        if self.on_batch:
            self.on_batch(body)
        lines = body.obj.count(b"\n")
        with self.lock:
            self.lines += lines
            self.bytes += len(body)
            self.requests += 1
            self.last = time.monotonic()
        start = bytes(body[:200])
        at = start.find(b'"batch":"')
        name = start[at + 9:at + 45].decode("latin-1") if at >= 0 else ""
        return f'{{"batch":"{name}","stored":{max(0, lines - 1)},"duplicate":0,"excluded":0,"rejected":[]}}'
