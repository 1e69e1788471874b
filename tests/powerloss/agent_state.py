"""The agent's files as a second reader sees them, written from docs/architecture.md and the headers
positions.h and spool.h alone: what the agent would hold to be safe."""
import ctypes
import functools
import json
import subprocess
import uuid
import zlib

XXH = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
XXH.restype = ctypes.c_uint64
XXH.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)


class Hash128(ctypes.Structure):
    _fields_ = (("low", ctypes.c_uint64), ("high", ctypes.c_uint64))


XXH128 = ctypes.CDLL("libxxhash.so.0").XXH3_128bits
XXH128.restype = Hash128
XXH128.argtypes = (ctypes.c_char_p, ctypes.c_size_t)


def hash128(content):
    h = XXH128(content, len(content))
    return h.high.to_bytes(8, "big") + h.low.to_bytes(8, "big")


def intervals(text):
    return [tuple(map(int, part.split("-"))) for part in text.split(",")] if text else []


def positions(content):
    """{"generation", "safe": {stream: [(from, to)]}, "done": {destination: [(from, to)]}} of one
    positions file, or None when it is not whole."""
    content = bytes(content)
    end = content[:-1].rfind(b"\n") + 1
    body, line = content[:end], content[end:]
    if not line.endswith(b"\n") or not line.startswith((b"crc ", b"sum ")):
        return None
    proper = b"crc %08x\n" % zlib.crc32(body) if line[:1] == b"c" else b"sum %016x\n" % XXH(body, len(body), 0)
    if line != proper:
        return None
    text = body.decode().splitlines()
    assert text[0].split()[0] == "logferry-positions", text[0]
    state = {"generation": 0, "safe": {}, "done": {}}
    for item in text[1:]:
        word, _, rest = item.partition(" ")
        if word == "generation":
            state["generation"] = int(rest)
        elif word == "spool-done":
            name, _, done = rest.rpartition(" ")
            state["done"][json.loads(name)] = intervals(done)
        elif word == "entry":
            fields = rest.split(" ")
            # key stream dev ino seam_at seam_hash seen [what later versions added] safe path…
            quote = next(i for i, f in enumerate(fields) if f.startswith('"'))
            state["safe"].setdefault(fields[1], []).extend(intervals(fields[quote - 1]))
    return state


def newest(files):
    """The positions that count; None when no generation is whole."""
    found = [p for p in (positions(files[n]) for n in ("positions.a", "positions.b") if n in files) if p]
    return max(found, key=lambda p: p["generation"], default=None)


@functools.lru_cache(4096)  # most disks of a run hold the same files
def batch(content):
    """{"id", "to", "spans": [(stream, from, to)], "records"} of a batch file, or None when it is not whole."""
    head, _, rest = content.partition(b"\n")
    words = head.split()
    if len(words) != 5 or words[0] != b"logferry-batch" or int(words[1]) < 2:
        return None
    n_meta, n_body = int(words[3]), int(words[4])
    meta, body = rest[:n_meta], rest[n_meta:]
    if len(rest) != n_meta + n_body or XXH(body, len(body), XXH(meta, len(meta), 0)) != int(words[2], 16):
        return None
    found = {"to": [], "spans": [], "records": []}
    encoding = "plain"
    for item in meta.decode().splitlines():
        word, _, value = item.partition(" ")
        if word == "to":
            found["to"].append(json.loads(value))
        elif word == "encoding":
            encoding = value
        elif word == "span":
            fields = value.split(" ", 6)
            found["spans"].append((fields[1], int(fields[4]), int(fields[5])))
    if encoding == "zstd":
        body = subprocess.run(["zstd", "-dcq"], input=body, capture_output=True, check=True).stdout
    found["id"] = json.loads(body.splitlines()[0])["batch"]
    found["records"] = [json.loads(line) for line in body.splitlines()[1:]]
    return found


def part_id(parent, salt):
    """The id of that part of a batch."""
    h = bytearray(hash128(parent.encode() + b"\0" + salt.encode()))
    h[6] = h[6] & 0x0F | 0x80
    h[8] = h[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(h)))


def notes(content, batch_id):
    """{line: status} of the notes of this batch (agent/sent_file.h)."""
    first, *rest = bytes(content).split(b"\n")[:-1] or [b""]
    found = {}
    if first != b"logferry-sent 2 " + batch_id.encode():
        return found
    seed = XXH(batch_id.encode(), len(batch_id), 0)
    for line in rest:
        number, status, total, reason = (line.split(b" ", 3) + [b""] * 3)[:4]
        said = number + b" " + status + b" " + reason
        if total == b"%08x" % (XXH(said, len(said), seed) & 0xFFFFFFFF):
            found.setdefault(int(number), int(status))
    return found


def visitor_keys(content):
    """{day: key} of visitor.keys (agent/visitor_keys.h)."""
    first, *rest = bytes(content).split(b"\n")
    rows = [line.split() for line in rest] if first == b"logferry-visitor-keys 1" else []
    return {int(row[0]): row[2] for row in rows if len(row) == 3 and row[0].isdigit()}


def holds(ranges, value):
    return any(a <= value < b for a, b in ranges)


def shelf(files, name):
    """[(number, batch)] of the whole files of a shelf."""
    found = []
    for path, content in files.items():
        if path.startswith(name + "/") and path.endswith(".batch") and content is not None:
            one = batch(bytes(content))
            if one:
                found.append((int(path[len(name) + 1:-6], 16), one))
    return found
