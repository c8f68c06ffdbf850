"""A campaign of faults: kills, signals, full and broken disks, damaged files, two writers.

    python -m benchmarks.faults --minutes 60

Trials go on from those that are recorded in ``results/faults.json``, so it may be stopped and
started again; ``docs/results/faults.md`` is written from all of them.
"""

import argparse
import dataclasses
import itertools
import json
import platform
import sys
import tempfile
import time
from pathlib import Path

from heatproof import __version__
from heatproof.disk import write_whole
from tests.faults.campaign import FAULTS, Trial, experiment, trial

ROOT = Path(__file__).parents[1]

RECORD = ROOT / "benchmarks/results/faults.json"
PAGE = ROOT / "docs/results/faults.md"
HEAD = """# What faults do to a run

A small experiment (12 films, two methods, two criteria of trust, blocks of two films) is disturbed in the middle, and the same command given again. A trial
passes where the second command ends with status 0, the report, the estimates, the verdicts and the scores then equal those of a run that nothing disturbed, no
unit that was whole was made again, and no traceback was shown. What is done in each is in `tests/faults/campaign.py`; seeds decide when and where.

A list of maps is whole where its maps are. The first version of this rule took a list for whole although its maps were damaged; by it, seed 0 of *damaged files*
failed, with two lists made again. The rule was mended, and heatproof was not.

"""
ENDED = """*Ended early* are runs that the fault ended, with another status than 0. The others went to their end in spite of it, or
were damaged after it, and none of these columns says that the fault came before the end."""


def record() -> dict:
    if RECORD.exists():
        return json.loads(RECORD.read_text())
    machine = {"system": platform.platform(), "python": platform.python_version()}
    return {"heatproof": __version__, "machine": machine, "trials": []}


def page(trials: list[Trial]) -> str:
    lines = [
        "| fault | trials | passed | ended early | seconds of a trial |",
        "|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        of = [each for each in trials if each.fault == fault]
        if of:
            passed = sum(each.passed for each in of)
            ended = sum(each.status not in (0, None) for each in of)
            seconds = sorted(each.seconds for each in of)[len(of) // 2]
            lines.append(f"| {fault} | {len(of)} | {passed} | {ended} | {seconds:.0f} |")
    untried = ", ".join(fault for fault in FAULTS if all(each.fault != fault for each in trials))
    failed = [each for each in trials if not each.passed]
    told = "".join(f"- {each.fault}, seed {each.seed}: {each}\n" for each in failed) or "None.\n"
    text = "\n".join(lines)
    return (
        f"{HEAD}{text}\n\n{ENDED}\n\nNot tried yet: {untried or 'none'}.\n"
        f"\n## Trials that failed\n\n{told}\n*This page is written by `benchmarks/faults.py`.*\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=list(FAULTS))
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    known = record()
    done = [Trial(**{**each, "differs": tuple(each["differs"])}) for each in known["trials"]]
    with tempfile.TemporaryDirectory() as folder:
        file = experiment(Path(folder))
        for seed, fault in ((seed, fault) for seed in itertools.count() for fault in asked.faults):
            if any((each.fault, each.seed) == (fault, seed) for each in done):
                continue
            if time.monotonic() > until:
                break
            done.append(trial(fault, seed, file))
            print("passed" if done[-1].passed else "FAILED", done[-1], flush=True)
            known["trials"] = [dataclasses.asdict(each) for each in done]
            write_whole(RECORD, json.dumps(known, indent=1) + "\n")
            write_whole(PAGE, page(done))
    sys.exit(not all(each.passed for each in done))


if __name__ == "__main__":
    main()
