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
from collections import Counter
from pathlib import Path

from heatproof import __version__
from heatproof.disk import write_whole
from tests.faults.campaign import FAULTS, Trial, Unavailable, subjects, trial

ROOT = Path(__file__).parents[1]

RECORD = ROOT / "benchmarks/results/faults.json"
PAGE = ROOT / "docs/results/faults.md"
HEAD = """# What faults do to a run

Three small experiments are disturbed in the middle, in turn, and the same command given again: a network of one's own with two criteria of trust; two trained
replicates and their ensemble; a sweep of two trials that localizes. Blocks hold two films, so that there are many units. A trial passes where the second command
ends with status 0, the page, the estimates, the verdicts and the scores (of a sweep: its page and its tables, without how long trials took) equal those of a run that nothing
disturbed, nothing that was whole (unit, map, trained weights) was made again, and no traceback was shown. `tests/faults/campaign.py` has each fault; seeds decide
when and where.

What is simulated: *kill* is SIGKILL after a random share of the seconds of the processor that the undisturbed run takes. *Disk full* is a limit on the length of
files, and *no space*, *read only*, *permission lost* and *disk error* are the system's errors, from a random file on. *Memory* is a limit of the address space
(RLIMIT_AS), a few MiB above what the run has at a random unit; *memory of a cgroup* is the same by a cgroup, beyond which the kernel kills the run. *Power cut* kills the run at a random unit, and
gives every file the content of its last `fsync`; names that were never synced are lost by chance; SQLite, which syncs by itself, is left as it is
(`tests/faults/power.py`). A film that is *changed* or *removed during the run* is as it was when the command is given again. No real disk was filled and no machine
switched off.

The trials are of several versions of heatproof, on which each fault was mended that a trial had found. A trial that failed was tried again after that, and stands here as it
then ended; trials during which heatproof itself was changed are left out. What was found and mended:

- a power cut lost six blocks of maps: the folder of arrays was never synced, and at most five damaged blocks were made again in one run;
- a power cut, or damage, took the model of a trial which a search called done: it is trained again;
- two sweeps opened a new folder at the same moment: one waits;
- a sweep on a full disk ended in a traceback of SQLAlchemy;
- a film that was gone while its header was read was counted as unreadable for good, though it was there again; one that was replaced for a moment had its digest kept under the name of the
  film before, and the next run was refused: each stage now asks whether a film is still the same after it has read it.

Three faults were of the campaign itself: it compared how long trials of a sweep took, the name of the output folder, and lists of maps whose damaged counterpart it did not count.

"""
ENDED = """*Ended early* are runs that the fault ended, with another status than 0. The others went to their end in spite of it, or were damaged after it, and none of
these columns says that the fault came before the end."""


def record() -> dict:
    if RECORD.exists():
        return json.loads(RECORD.read_text())
    machine = {"system": platform.platform(), "python": platform.python_version()}
    return {"heatproof": __version__, "machine": machine, "trials": []}


def page(trials: list[Trial]) -> str:
    untried = ", ".join(fault for fault in FAULTS if all(each.fault != fault for each in trials))
    failed = [each for each in trials if not each.passed]
    told = "".join(f"- {each.fault}, seed {each.seed}: {each}\n" for each in failed) or "None.\n"
    return (
        f"{HEAD}{_by_fault(trials)}\n\n{ENDED}\n\nNot tried yet: {untried or 'none'}.\n"
        f"\n## Where runs were ended\n\n{_by_stage(trials)}\n"
        f"\n## Trials that failed\n\n{told}\n*This page is written by `benchmarks/faults.py`.*\n"
    )


def _by_fault(trials: list[Trial]) -> str:
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
    return "\n".join(lines)


def _by_stage(trials: list[Trial]) -> str:
    """How many runs ended early in each stage, by experiment; before the first it has no name."""
    ended = Counter(
        (each.experiment, each.stage or "before the first")
        for each in trials
        if each.status not in (0, None)
    )
    lines = ["| experiment | stage | runs that ended there |", "|---|---|---|"]
    lines += [f"| {name} | {stage} | {count} |" for (name, stage), count in sorted(ended.items())]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--trials", type=int, default=200, help="of each fault, in all")
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=list(FAULTS))
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    known = record()
    done = [Trial(**{**each, "differs": tuple(each["differs"])}) for each in known["trials"]]
    with tempfile.TemporaryDirectory() as folder:
        of = subjects(Path(folder))
        for seed, fault in ((seed, fault) for seed in itertools.count() for fault in asked.faults):
            if seed >= asked.trials:
                break
            if any((each.fault, each.seed) == (fault, seed) for each in done):
                continue
            if time.monotonic() > until:
                break
            try:
                done.append(trial(fault, seed, of))
            except Unavailable as why:
                print(f"{fault}: {why}", flush=True)
                continue
            print("passed" if done[-1].passed else "FAILED", done[-1], flush=True)
            known["trials"] = [dataclasses.asdict(each) for each in done]
            write_whole(RECORD, json.dumps(known, indent=1) + "\n")
            write_whole(PAGE, page(done))
    sys.exit(not all(each.passed for each in done))


if __name__ == "__main__":
    main()
