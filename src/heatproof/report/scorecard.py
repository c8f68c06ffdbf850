"""The scorecard as a page, as PDF and as JSON."""

import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from heatproof.analysis.scorecard import Aspect, Card, Entry, Evidence, Scorecard
from heatproof.report.page.html import page_environment
from heatproof.report.pictures.drawings import svg_page, svg_text
from heatproof.report.pictures.pdf import pdf
from heatproof.report.prose import scorecard as prose
from heatproof.types import Estimate

FORMAT = 1
_WIDTH, _HEIGHT = 794.0, 1123.0  # a sheet of A4, in pixels of 1/96 inch
_MARGIN, _LINE = 48.0, 17.0
_LETTERS = 98  # of a line: the letters of the PDF are 7 pixels wide on average
_TOP = 60.0
_Line = tuple[int, str]  # indent in pixels, and text
_LINES = int((_HEIGHT - _TOP - _MARGIN) / _LINE)


@dataclass(frozen=True)
class ScorecardContent:
    """What a scorecard says.

    Attributes:
        title: What the experiment is called.
        finished: When its run was finished, as ISO 8601; empty where it is not.
        version: Of heatproof, which made the run.
        card: The cards.
    """

    title: str
    finished: str
    version: str
    card: Scorecard


def page(content: ScorecardContent) -> str:
    """One self-contained HTML file, which prints on A4."""
    template = page_environment().get_template("scorecard.html")
    return template.render(content=content, prose=prose, aspects=list(Aspect))


def as_json(content: ScorecardContent) -> str:
    """The cards for programs; ``docs/how-to/scorecard.md`` says what each key means."""
    told = {
        "format": FORMAT,
        "title": content.title,
        "finished": content.finished,
        "heatproof": content.version,
        "framework": prose.SOURCE,
        "rules": {aspect.value: text for aspect, text in prose.rules(content.card).items()},
        "cards": [_card(card) for card in content.card.cards],
    }
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_pdf(content: ScorecardContent) -> bytes:
    """The cards on sheets of A4: each aspect with its outcome and what it rests on."""
    sheets = _sheets(_blocks(content))
    return pdf(
        *(
            svg_page(
                f"Scorecard: {textwrap.shorten(content.title, _LETTERS - 24)},"
                f" sheet {number} of {len(sheets)}",
                [
                    svg_text(_MARGIN + indent, _TOP + _LINE * row, text)
                    for row, (indent, text) in enumerate(sheet)
                ],
                _WIDTH,
                _HEIGHT,
            )
            for number, sheet in enumerate(sheets, 1)
        )
    )


def _card(card: Card) -> dict[str, Any]:
    return {
        "data": card.dataset,
        "model": card.model,
        "finding": card.finding,
        "method": card.method,
        "aspects": {entry.aspect.value: _entry(entry) for entry in card.entries},
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "outcome": prose.OUTCOMES[entry.outcome],
        "statement": prose.statement(entry),
        "evidence": [_evidence(one) for one in entry.evidence],
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {
        "rests_on": one.kind.value,
        "about": one.about,
        "measure": one.measure,
        **_numbers(one.estimate),
        "threshold": _number(one.threshold),
        "passes": "above" if one.above else "below",
        "p": _number(one.p),
        "outcome": prose.OUTCOMES[one.outcome],
        "decides": one.decides,
        "of_the_maps": None if one.own is None else _numbers(one.own),
        "notes": list(one.notes),
    }


def _numbers(estimate: Estimate) -> dict[str, Any]:
    ends = {name: _number(getattr(estimate, name)) for name in ("value", "low", "high", "level")}
    return ends | {"cases": estimate.cases}


def _number(value: float | None) -> float | None:
    """JSON has no nan: null says that there is no number."""
    return None if value is None or not math.isfinite(value) else value


def _sheets(blocks: Iterable[Sequence[_Line]]) -> list[list[_Line]]:
    """Blocks on sheets, an empty line between them; only one longer than a sheet is parted."""
    sheets: list[list[_Line]] = [[]]
    for block in blocks:
        if sheets[-1] and len(sheets[-1]) + 1 + len(block) > _LINES:
            sheets.append([])
        for line in ([(0, "")] if sheets[-1] else []) + list(block):
            if len(sheets[-1]) == _LINES:
                sheets.append([])
            sheets[-1].append(line)
    return sheets


def _blocks(content: ScorecardContent) -> Iterator[list[_Line]]:
    """What is told together, in lines of text."""
    yield [
        *_wrapped(0, f"The four criteria of {prose.SOURCE}."),
        *_wrapped(0, "For research and quality assurance; not a medical device."),
    ]
    for heading in prose.headings(content.card):
        for card in heading.cards:
            block = list(_wrapped(0, f"{heading.title}: {prose.title(card)}"))
            for entry in card.entries:
                sign, word = prose.SIGNS[entry.outcome], prose.OUTCOMES[entry.outcome]
                block += _wrapped(14, f"{sign} {entry.aspect.capitalize()}: {word}")
                if entry.evidence:
                    block += _wrapped(28, prose.statement(entry))
            yield block
    missing = {
        entry.aspect: entry for c in content.card.cards for entry in c.entries if not entry.evidence
    }
    for aspect, text in prose.rules(content.card).items():
        block = list(_wrapped(0, f"{aspect.capitalize()}. {text}"))
        yield block + list(
            _wrapped(0, prose.statement(missing[aspect])) if aspect in missing else ()
        )


def _wrapped(indent: int, text: str) -> Iterator[_Line]:
    room = _LETTERS - indent // 7
    return ((indent, line) for line in textwrap.wrap(text, room) or [""])
