"""What a disk may hold after the power failed, by the system calls that were made before.

The model promises no more than POSIX does, and no less than any file system of Linux keeps:

* A file's content counts once it is synced. Of the writes and truncations since, any subset is there,
  each write cut at any 512-byte boundary of the file, in any order; where the file has grown and the
  data did not arrive, there are zeros, or bytes of a file that was deleted long ago. The length is any
  that these leave. Bytes outside of a write are never harmed by it (SQLite's "powersafe overwrite").
* A name counts once its directory is synced; syncing the file itself promises nothing about its name.
  Of the names made, renamed and removed since, any subset is there. A rename shows the old name, the
  new one, or both, but never neither. Renaming a file whose data was not synced may leave the new name
  with any content that the data may have, also with none.
* A directory that is not there takes along what it holds.
* What was there before the first record is durable.

How much is lost, and in which way, is drawn anew for every file and directory; all and nothing are
drawn more often than their share, because they are what disks do most.
"""
import os

import journal

SECTOR = 512
WAYS = ("none", "all", "prefix", "sectors", "sectors", "stale")
NAME_WAYS = ("none", "all", "prefix", "any", "any")


class File:
    """Synced content, and what was done since: (offset, data), or (length, None) for a truncation."""

    def __init__(self):
        self.synced = bytearray()
        self.since = []

    def sync(self):
        for offset, data in self.since:
            change(self.synced, offset, data)
        self.since = []

    def crashed(self, rng):
        if not self.since:
            return self.synced
        way = rng.choice(WAYS)
        if way == "none":
            return self.synced
        content = bytearray(self.synced)
        if way in ("all", "prefix"):
            kept = self.since if way == "all" else self.since[:rng.randrange(len(self.since) + 1)]
            for offset, data in kept:
                change(content, offset, data)
            if way == "prefix" and len(kept) < len(self.since):
                offset, data = self.since[len(kept)]
                if data:
                    change(content, offset, data[:cut(offset, len(data), rng)])
            return content
        self.scatter(content, rng, way == "stale")
        return content

    def scatter(self, content, rng, stale):
        """Each sector of each write arrived, or did not."""
        share = rng.choice((0.1, 0.5, 0.9))
        for offset, data in self.since:
            if data is None:
                if rng.random() < share:
                    change(content, offset, None)
                continue
            end = offset + len(data)
            at = offset
            while at < end:
                stop = min(end, at - at % SECTOR + SECTOR)
                if rng.random() < share:
                    change(content, at, data[at - offset:stop - offset])
                elif stale and stop > len(content):
                    change(content, at, rng.randbytes(stop - at))
                at = stop
        length = max([len(content)] + [o + len(d) for o, d in self.since if d])
        if rng.random() < 0.5:  # the length arrived, the data did not
            content.extend(bytes(length - len(content)))


def change(content, offset, data):
    if data is None:
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def cut(offset, length, rng):
    """How many bytes of a torn write are there: up to a boundary of the file's sectors."""
    boundaries = range(offset - offset % SECTOR, offset + length, SECTOR)
    return max(0, rng.choice(boundaries) - offset)


class Directory:
    """Synced names, names as they are, and what was done since: (name, node) with None for a removal,
    or (old name, new name, node)."""

    def __init__(self):
        self.synced = {}
        self.now = {}
        self.since = []

    def put(self, name, node):
        self.now[name] = node
        self.since.append((name, node))

    def remove(self, name):
        self.now.pop(name, None)
        self.since.append((name, None))

    def rename(self, old, new):
        node = self.now.pop(old)
        self.now[new] = node
        self.since.append((old, new, node))

    def sync(self):
        self.synced = dict(self.now)
        self.since = []

    def crashed(self, rng):
        names = dict(self.synced)
        way = rng.choice(NAME_WAYS)
        if way == "none" or not self.since:
            return names
        share = 1.0 if way == "all" else rng.choice((0.2, 0.5, 0.8))
        kept = self.since[:rng.randrange(len(self.since) + 1)] if way == "prefix" else self.since
        for entry in kept:
            if way == "any" and rng.random() >= share:
                continue
            if len(entry) == 3:
                if not (way == "any" and rng.random() < 0.2):
                    names.pop(entry[0], None)
                names[entry[1]] = entry[2]
            elif entry[1] is None:
                names.pop(entry[0], None)
            else:
                names[entry[0]] = entry[1]
        return names


class Disk:
    """The directory `top` as the records make it."""

    def __init__(self, top):
        self.top = os.path.normpath(top)
        self.root = Directory()
        self.objects = {}

    def parts(self, path):
        path = os.path.normpath(path)
        if path == self.top:
            return []
        if not path.startswith(self.top + "/"):
            return None
        return path[len(self.top) + 1:].split("/")

    def above(self, parts):
        """The directory that holds the last part. What no record made was there before."""
        node = self.root
        for part in parts[:-1]:
            if part not in node.now:
                node.now[part] = node.synced[part] = Directory()
            node = node.now[part]
        return node

    def apply(self, r):
        """True when the record was about this disk and can make a difference to it."""
        if r.operation in (journal.WRITE, journal.TRUNCATE, journal.SYNC):
            node = self.objects.get(r.object)
            if node is None:
                return False
            if r.operation == journal.SYNC:
                node.sync()
            else:
                node.since.append((r.number, r.data if r.operation == journal.WRITE else None))
            return True
        parts = self.parts(r.path)
        if parts is None:
            return False
        if r.operation == journal.OPEN:
            return self.opened(parts, r)
        parent = self.above(parts)
        if r.operation == journal.MKDIR:
            parent.put(parts[-1], Directory())
        elif r.operation == journal.UNLINK:
            parent.remove(parts[-1])
        else:
            second = self.parts(r.second)
            if self.above(second) is not parent:
                raise ValueError(f"a rename across directories is not in the model: {r.path}")
            parent.rename(parts[-1], second[-1])
        return True

    def opened(self, parts, r):
        if not parts:
            self.objects[r.object] = self.root
            return False
        parent = self.above(parts)
        node, made = parent.now.get(parts[-1]), False
        if node is None:
            made = bool(r.number & os.O_CREAT)
            node = Directory() if r.number & os.O_DIRECTORY else File()
            if made:
                parent.put(parts[-1], node)
            else:
                parent.now[parts[-1]] = parent.synced[parts[-1]] = node
        self.objects[r.object] = node
        if r.number & os.O_TRUNC and isinstance(node, File):
            node.since.append((0, None))
            made = True
        return made

    def crashed(self, rng, unwanted=lambda name: False):
        """{path below top: bytes, or None for a directory}; parents before children."""
        found, contents = {}, {}

        def walk(directory, prefix):
            for name, node in sorted(directory.crashed(rng).items()):
                if unwanted(name):
                    continue
                if isinstance(node, Directory):
                    found[prefix + name] = None
                    walk(node, prefix + name + "/")
                else:
                    if id(node) not in contents:
                        contents[id(node)] = node.crashed(rng)
                    found[prefix + name] = contents[id(node)]

        walk(self.root, "")
        return found


def build(found, directory):
    """Puts what `crashed` found where a program can be started on it."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for path, content in found.items():
        whole = os.path.join(directory, path)
        if content is None:
            os.mkdir(whole, 0o700)
            continue
        with open(whole, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(content)


def moments(records, top, n, rng):
    """Where in the journal the power fails, n times, ascending: half of them beside a sync, rename or
    removal, where the mistakes are. With the disk at each: yields (index, disk, ns of the moment)."""
    sharp = [i for i, r in enumerate(records) if r.operation in (journal.SYNC, journal.RENAME, journal.UNLINK)]
    chosen = sorted((rng.choice(sharp) + rng.randrange(2) if sharp and rng.random() < 0.5
                     else rng.randrange(len(records) + 1)) for _ in range(n))
    disk, at = Disk(top), 0
    for index in chosen:
        while at < index:
            disk.apply(records[at])
            at += 1
        # Until the next call returns, all before it may be on the disk and nothing more need be.
        yield index, disk, records[index].ns if index < len(records) else records[-1].ns + 10**9
