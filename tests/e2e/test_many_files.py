"""Many files at once, with a rotation in the middle."""
import os

import lines
from harness import wait_stored
from proc import check

FILES = 1000 if os.environ.get("E2E_FULL") == "1" else 300


def test_rotation_of_many_files(world):
    """Every file gets lines, all are rotated, every file gets lines again."""
    server = world.server().start()
    directory = world.mkdir("logs")
    logs = [lines.Log(os.path.join(directory, f"site{i:04d}.access.log"), first=i * 1000, tag=f"s{i}")
            for i in range(FILES)]
    for log in logs:
        log.write(30)
    agent = world.agent(server, files=directory + "/*.access.log").start()
    wait_stored(server, [n for log in logs for n in log.written], 60, "the first lines of every file")
    for log in logs:
        log.write(10)
        os.rename(log.path, log.path + ".1")
        log.write(7)
    wait_stored(server, [n for log in logs for n in log.written], 90)
    descriptors = len(os.listdir(f"/proc/{agent.proc.pid}/fd"))
    resident, _ = agent.proc.usage()
    check(descriptors <= 256, f"{descriptors} descriptors for {FILES} files")
    agent.stop()
    print(f"{FILES} files, {descriptors} descriptors, {resident >> 20} MiB with sanitizers")
