"""Writes docs/results/lint_published.md: the threats to every study whose numbers heatproof prints.

python docs/lint_published.py
"""

from importlib import resources
from pathlib import Path

from heatproof.lint import threats
from heatproof.lint.described import Described, of_text

PAGE = Path(__file__).parent / "results" / "lint_published.md"
HEAD = """# What threatens the conclusions of published studies

What `heatproof lint` says of every study whose numbers heatproof prints beside yours, from short descriptions in
`src/heatproof/lint/published`. Unknown is no threat: a study with few lines may be one of which little is told. None
of this says that a conclusion is wrong; it says what it was not protected against. Describe a study of your own in the
same keys, or name your experiment or run:

```sh
heatproof lint experiment.toml
```

*This page is written by `docs/lint_published.py`.*
"""


def studies() -> list[Described]:
    folder = resources.files("heatproof.lint") / "published"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return [
        of_text(file.read_text("utf-8"), file.name) for file in files if file.name.endswith(".toml")
    ]


def page() -> str:
    parts = [HEAD]
    for study in studies():
        link = f"[{study.name}]({study.url})" if study.url else study.name
        parts.append(f"\n## {link}\n\n| threat | evidence | why it matters |\n|---|---|---|\n")
        for threat in threats(study):
            cells = (f"`{threat.rule}`", threat.evidence, f"{threat.what} ({threat.source})")
            parts.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
