"""The units load, are closed, and name what the tree has; see systemd_units.sh."""
import os

from proc import check, run

HERE = os.path.dirname(os.path.abspath(__file__))


def test_units(world):
    code, out, _ = run(["sh", os.path.join(HERE, "systemd_units.sh")], world.dir, 100, expect=None)
    if code == 77:
        print(out.strip().splitlines()[-1])
        return
    check(code == 0, "\n".join(line for line in out.splitlines() if not line.startswith("ok")))
