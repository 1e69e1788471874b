"""The journal that parsers/base/sys.h writes: one Record a system call."""
import os
import struct
from collections import namedtuple

VERSION = 1
OPEN, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR = range(1, 8)
HEAD = struct.Struct("<IBBIIQQHH")

# `object` is (pid, number of the open file), `ns` CLOCK_MONOTONIC, `number` offset, length or flags.
Record = namedtuple("Record", "operation object ns number path second data")


def read(path):
    """Every whole record; what a killed process left behind the last one is no record."""
    with open(path, "rb") as f:
        text = f.read()
    records, at = [], 0
    while at + HEAD.size <= len(text):
        length, version, operation, pid, number, ns, value, n_path, n_second = HEAD.unpack_from(text, at)
        if version != VERSION:
            raise ValueError(f"{path}: version {version} at byte {at}")
        end = at + 4 + length
        if end > len(text):
            break
        names = at + HEAD.size
        data = names + n_path + n_second
        records.append(Record(operation, (pid, number), ns, value, os.fsdecode(text[names:names + n_path]),
                              os.fsdecode(text[names + n_path:data]), text[data:end]))
        at = end
    return records
