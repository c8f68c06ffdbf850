"""Inputs that nobody would write on purpose: a parser reads them, or answers in words.

A parser takes a file and reads it; whatever it raises is a ``HeatproofError``.  ``parsers`` lists
them.
"""

import os
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heatproof.errors import HeatproofError

Read = Callable[[Path], object]
# Values that stand where others are expected, as text of JSON, TOML, CSV or a spec.
ODD = (
    "", " ", "0", "-1", "1e999", "nan", "NaN", "Infinity", "null", "None", "true", "[]", "{}",
    '""', "'", '"', "9" * 5000, "[" * 100_000, "(" * 3000, "-" * 3000, "x" * 5000, "\0", "\n", "\r",
    "\ufeff", "\x1b[2J", "\u202e", "../../x", "/etc/passwd", "=1+1", "a" + "\u0301" * 500,
    "\N{GRINNING FACE}", "1" + "0" * 400, "0x1F", "1_000", "1,5", "{'a': 1}",
)  # fmt: skip


@dataclass(frozen=True)
class Parser:
    """One kind of input.

    Attributes:
        name: What it is called in results.
        seed: Makes the folder with a good input, and returns the files that are changed, one at a
            time.
        read: Reads it, given the file that was changed.
        text: Whether parts of its text are replaced, beside bytes.
    """

    name: str
    seed: Callable[[Path], Path | Sequence[Path]]
    read: Read
    text: bool = True


@dataclass(frozen=True)
class Finding:
    """An input that was not answered in words."""

    parser: str
    seed: int
    error: str


@dataclass
class Outcome:
    """What came of many inputs.

    Attributes:
        tried: How many inputs there were.
        answered: How many were answered in words; the others were read.
        findings: Those that were neither.
        seconds: Seconds of the processor, of making and reading inputs.
        slowest: Seconds of the processor in which the input that took longest was read.
    """

    tried: int = 0
    answered: int = 0
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0


def changed(content: bytes, chance: random.Random, text: bool) -> bytes:
    """The content with one to three changes."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        place, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        kind = chance.choice(("flip", "cut", "odd", "odd", "double", "noise", "token", "token"))
        match kind:
            case "flip" if data:
                data[min(place, len(data) - 1)] ^= 1 << chance.randrange(8)
            case "cut":
                del data[place : min(end, place + chance.choice((1, 4, 64, 10**9)))]
            case "odd" if text:
                data[place:place] = chance.choice(ODD).encode()
            case "double":
                data[place:place] = data[place : place + 200]
            case "noise":
                data[place : place + 8] = chance.randbytes(8)
            case "token" if text:
                data = bytearray(_token(bytes(data), chance))
    return bytes(data)


def _token(content: bytes, chance: random.Random) -> bytes:
    """The content with one value replaced by an odd one."""
    breaks = [n for n, byte in enumerate(content) if byte in b',:="[]{}()\n ']
    if len(breaks) < 2:
        return content
    number = chance.randrange(len(breaks) - 1)
    start, end = breaks[number] + 1, breaks[number + 1]
    return content[:start] + chance.choice(ODD).encode() + content[end:]


def fuzz(
    parser: Parser, folder: Path, seeds: range, until: Callable[[Outcome], bool] | None = None
) -> Outcome:
    """Read one changed input after another.

    Args:
        parser: What reads.
        folder: Where inputs lie.
        seeds: A number for each input.
        until: Asked after each input whether that is enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = parser.seed(folder)
    files = [made] if isinstance(made, Path) else list(made)
    good = {file: file.read_bytes() for file in files}
    parser.read(files[0])  # the good one is read
    outcome = Outcome()
    began = processor()
    for seed in seeds:
        chance = random.Random(f"{parser.name} {seed}")
        # One file keeps the inputs that it had by the same seed before there were several.
        file = files[0] if len(files) == 1 else chance.choice(files)
        file.write_bytes(changed(good[file], chance, parser.text))
        _read(parser, file, seed, outcome)
        file.write_bytes(good[file])
        outcome.seconds = processor() - began
        if until is not None and until(outcome):
            break
    return outcome


def processor() -> float:
    """Seconds of the processor so far, with those of processes that were waited for."""
    return sum(os.times()[:4])  # some parsers read in a process of their own


def _read(parser: Parser, file: Path, seed: int, outcome: Outcome) -> None:
    began = processor()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser.read(file)
    except HeatproofError:
        outcome.answered += 1
    except Exception as error:
        told = f"{type(error).__name__}: {error}"[:300]
        outcome.findings.append(Finding(parser.name, seed, told))
    seconds = processor() - began
    outcome.tried += 1
    outcome.slowest = max(outcome.slowest, seconds)
