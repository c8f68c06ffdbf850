"""A campaign of inputs that nobody would write on purpose, for the parsers of ``parsers.PARSERS``.

    python -m benchmarks.fuzz --minutes 10
    python -m benchmarks.fuzz --minutes 10 --guided     # needs atheris

Each input is decided by the parser and a number; ``results/fuzz.json`` records how far the numbers
were tried and for how long, so that another call goes on there.  With ``--guided`` inputs are led
by coverage (``fuzz_guided.py``).  The minutes of a parser are those of both kinds together.
``docs/results/fuzz.md`` is written from all of it.
"""

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heatproof import __version__
from heatproof.disk import write_whole
from tests.faults.fuzzing import Outcome, fuzz
from tests.faults.parsers import PARSERS

ROOT = Path(__file__).parents[1]
RECORD, PAGE = ROOT / "benchmarks/results/fuzz.json", ROOT / "docs/results/fuzz.md"
CORPORA = Path(tempfile.gettempdir()) / "heatproof-fuzz"  # inputs from which coverage leads on
STEP = 60.0  # seconds of the processor between two records
MEMORY = 16 * 2**30  # bytes of address space: a bomb ends in a MemoryError, which is a finding
HEAD = """# What parsers answer to inputs that nobody would write on purpose

Each parser of files that others may have written is tried in two ways. *By number*: it gets a good input in which one to three places are changed: bits flipped, parts cut, doubled or replaced
by noise and, where it is text, values replaced by odd ones (`1e999`, 5,000 digits, 100,000 brackets, `../../x`, control characters; the list is in
`tests/faults/fuzzing.py`). It reads the input, or answers with an error of heatproof's own; anything else is a finding. Where a parser reads several files, one of
them is changed at a time. *Led by coverage*: Atheris (libFuzzer) changes the good input, and goes on from whatever reached a new branch of heatproof, pydicom or nibabel;
an input that takes 30 seconds or 6 GB would be a finding. Films that were read are asserted to be finite and in [0, 1]. The address space is limited to 16 GiB, so that a bomb would be a finding.

The first inputs of the parsers that came last (importers of maps, weights of torch, tables in Parquet, VIA in `mura`) had findings: errors of tokenizers, of zlib, of
UTF-8, of assertions and of recursion, Parquet files that ended the process, a box of
10^200 pixels, and contours of CheXlocalize that are none. Later ones found cards with -1 channels, boxes of detections with 400 digits, attributes of Zarr that
are no object, and files of torch that hold a number. All were mended; the record of a parser that had findings begins anew.

Seconds are of the processor, of making and reading inputs. Some inputs were tried when reading alone was counted, or nothing.

"""


def empty() -> dict[str, Any]:
    none = {"tried": 0, "answered": 0, "seconds": 0.0, "slowest": 0.0}
    return {**none, "findings": [], "guided": none}


def spent(of: Mapping[str, Any]) -> float:
    return of["seconds"] + of["guided"]["seconds"]


def kept(record: dict[str, Any]) -> None:
    record["heatproof"] = __version__
    write_whole(RECORD, json.dumps(record, indent=1) + "\n")
    write_whole(PAGE, page(record["parsers"]))


def go_on_guided(name: str, seconds: float, record: dict[str, Any]) -> None:
    """Try a parser by inputs that coverage leads, until it has read for so many seconds in all."""
    of = record["parsers"][name] = empty() | record["parsers"].get(name, {})
    folder = CORPORA / name.replace("/", "_").replace(" ", "_")
    if spent(of) >= seconds:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outcome.json").unlink(missing_ok=True)
    command = ("-m", "benchmarks.fuzz_guided", name, str(seconds - spent(of)), str(folder))
    ran = subprocess.run([sys.executable, *command], capture_output=True, check=False, cwd=ROOT)
    if (folder / "outcome.json").exists():
        told = json.loads((folder / "outcome.json").read_text())
        of["findings"] += told.pop("findings")
        before = of["guided"]
        of["guided"] = {
            key: max(told[key], before[key]) if key == "slowest" else told[key] + before[key]
            for key in before
        }
        of["guided"] = {key: round(value, 2) for key, value in of["guided"].items()}
    else:
        said = ran.stderr.decode(errors="replace").splitlines()
        error = next(
            (line for line in said if "ERROR: libFuzzer" in line), f"status {ran.returncode}"
        )
        of["findings"].append(
            {"parser": name, "input": str(sorted(folder.glob("*-*"))), "error": error}
        )
    kept(record)


def go_on(name: str, seconds: float, record: dict[str, Any]) -> None:
    """Try a parser until it has read for so many seconds in all."""
    of = record["parsers"][name] = empty() | record["parsers"].get(name, {})
    while spent(of) < seconds:
        step = min(STEP, seconds - spent(of))
        with tempfile.TemporaryDirectory() as folder:
            seeds = range(of["tried"], of["tried"] + 10**9)
            outcome = fuzz(PARSERS[name], Path(folder), seeds, _until(step))
        of["tried"], of["answered"] = of["tried"] + outcome.tried, of["answered"] + outcome.answered
        of["findings"] += [dataclasses.asdict(each) for each in outcome.findings]
        of["seconds"] = round(of["seconds"] + outcome.seconds, 2)
        of["slowest"] = round(max(of["slowest"], outcome.slowest), 2)
        kept(record)


def _until(seconds: float) -> Any:
    def enough(outcome: Outcome) -> bool:
        return outcome.seconds >= seconds

    return enough


def page(parsers: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| parser | inputs by number | led by coverage | answered in words | read | findings | seconds |"
        " slowest input (s) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, known in parsers.items():
        of = empty() | known
        findings, guided = len(of["findings"]), of["guided"]
        answered = of["answered"] + guided["answered"]
        read = of["tried"] + guided["tried"] - answered - findings
        lines.append(
            f"| {name} | {of['tried']:,} | {guided['tried']:,} | {answered:,} | {read:,} |"
            f" {findings} | {spent(of):.0f} | {max(of['slowest'], guided['slowest']):.1f} |"
        )
    untried = ", ".join(name for name in PARSERS if name not in parsers) or "none"
    told = "".join(
        f"- {each['parser']}, input {each.get('seed', 'led by coverage')}: `{each['error']}`\n"
        for of in parsers.values()
        for each in of["findings"]
    )
    total = sum(spent(empty() | of) for of in parsers.values()) / 60
    return (
        HEAD
        + "\n".join(lines)
        + f"\n\n{total:.0f} minutes in all. Not tried yet: {untried}.\n\n## Findings\n\n"
        + (told or "None.\n")
        + "\n*This page is written by `benchmarks/fuzz.py`.*\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="of each parser, in all")
    parser.add_argument("--parsers", nargs="*", default=list(PARSERS), choices=list(PARSERS))
    parser.add_argument("--guided", action="store_true", help="led by coverage (atheris)")
    asked = parser.parse_args()
    if not asked.guided:  # libFuzzer has a limit of its own
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    record = {"parsers": {}}
    if RECORD.exists():
        record = json.loads(RECORD.read_text())
    for name in asked.parsers:
        (go_on_guided if asked.guided else go_on)(name, 60 * asked.minutes, record)
        of = record["parsers"][name]
        found = len(of["findings"])
        print(name, round(spent(of)), "s,", found, "found", flush=True)
    sys.exit(any(of["findings"] for of in record["parsers"].values()))


if __name__ == "__main__":
    main()
