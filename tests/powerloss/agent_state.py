"""The agent's files as a second reader sees them, written from docs/architecture.md and the headers
positions.h and spool.h alone: what the agent would hold to be safe."""
import ctypes
import functools
import json
import subprocess
import zlib

XXH = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
XXH.restype = ctypes.c_uint64
XXH.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)


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
    """{"to", "spans": [(stream, from, to)], "records"} of a batch file, or None when it is not whole."""
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
    found["records"] = [json.loads(line) for line in body.splitlines()[1:]]
    return found


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
