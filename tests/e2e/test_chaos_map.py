"""tests/chaos/map.py names scenarios that exist, all of them, for every number that is due, and
docs/reliability.md has a row for each with the figure that it is held to."""
import os
import re

import map as chaos_map
import run
from proc import check

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
DUE = [f"R{n}" for n in (*range(1, 28), 31, 32, 33, 35, 36, 37, 38)]


def exists(name, tests):
    if not name.startswith("unit/"):
        return name in tests or (name.endswith("::") and any(t.startswith(name) for t in tests))
    program, case = name.split("::")
    path = os.path.join(TOP, "tests", program + ".c")
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as f:
        return case in f.read()


def test_every_number_has_its_scenarios(world):
    tests = dict(run.find_tests())
    named = [n for shown in chaos_map.SHOWN_BY.values() for n in shown[1:]]
    check(list(chaos_map.SHOWN_BY) == DUE, f"not in the map: {sorted(set(DUE) - set(chaos_map.SHOWN_BY))}; "
                                           f"in it: {list(chaos_map.SHOWN_BY)}")
    missing = [n for n in named if not exists(n, tests)]
    check(not missing, f"the map names what is not there: {missing}")
    unnamed = [t for t in tests if t.startswith("chaos::") and t not in named]
    check(not unnamed, f"not in the map: {unnamed}")
    for number, shown in chaos_map.SHOWN_BY.items():
        for name in shown[1:]:
            found = re.match(r"chaos::r(\d\d)_", name)
            check(not found or int(found.group(1)) == int(number[1:]), f"{name} stands at {number}")
    print(f"{len(DUE)} numbers, {len(named)} tests")


def test_every_scenario_is_documented(world):
    with open(os.path.join(TOP, "docs/reliability.md"), encoding="utf-8") as f:
        text = f.read()
    rows = dict(re.findall(r"^\| `(r\d\d_\w+)` \| ([^|]*) \|", text, re.M))
    tests = {name.removeprefix("chaos::"): call for name, call in run.find_scenarios()}
    check(tests, "no scenarios found")
    check(set(rows) == set(tests), f"without a row: {sorted(set(tests) - set(rows))}; rows of nothing: "
                                   f"{sorted(set(rows) - set(tests))}")
    wrong = [name for name, wanted in rows.items() if wanted.strip() != tests[name].wanted]
    check(not wrong, f"other figures than the scenario's: {wrong}")
