"""What the site of the documentation makes of files that lie outside `docs/`; a hook of MkDocs, named in `mkdocs.yml`.

The README is the first page of the site, and three more files of the repository have a page there. A link that leads to any other file
of the repository, such as an experiment, becomes the name of the file: the site does not know where the repository lies.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in PAGES.items():
        text = (REPOSITORY / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=linked(text, source)))
    return files


def on_page_markdown(markdown: str, *, page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    if page.file.src_uri in PAGES.values():
        return markdown
    return linked(markdown, f"docs/{page.file.src_uri}")


def linked(markdown: str, source: str) -> str:
    """A text whose links lead where they lead in the repository, in the site.

    source: The file that the text is of, from the top of the repository.
    """
    here = posixpath.dirname(PAGES.get(source, source).removeprefix("docs/"))

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        path, _, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if place in PAGES:
            place = f"docs/{PAGES[place]}"
        if not place.startswith("docs/") or place.endswith((".py", ".json")):
            name = place if words.strip("`") in place else f"{words}: {place}"
            return f"`{name}`" if "`" not in name.strip("`") else name
        there = posixpath.relpath(place.removeprefix("docs/"), here or ".")
        return f"{picture}[{words}]({there}{'#' + anchor if anchor else ''})"

    return LINK.sub(link, markdown)
