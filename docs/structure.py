"""Measures a tree of Python source and prints two tables: the tree as a whole, and each of its folders.

    python docs/structure.py src/heatproof --against ../before/src/heatproof --anchors

`--against` prints a second tree in a column beside the first, `--anchors` four packages whose code the project learns from. `--page FILE`
writes the tables into a Markdown page instead, in place of what stands there between the two lines `<!-- structure -->`.

Definitions. The *body* of a function is its lines without signature and docstring. *Arguments* leave out `self`, `cls`, `*args` and
`**kwargs`. A *name* is public if it does not begin with an underscore. A 90th percentile is a value of the sample, never interpolated.
*Comments* stand on a line of their own and are counted per 100 lines of code (lines that are neither blank nor a comment). An *import*
counts once per pair of folders (or files); *levels* are the length of the longest chain of imports, a circle of imports being one
link. A *room* is a folder or a file directly below the package, with all that is in it. A *type* is a public class or an alias of a type;
a name that is imported, or defined inside a class or a function, is not defined in that module.
"""

import argparse
import ast
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
MARK = "<!-- structure -->"  # stands before and after the tables on a page
# Tokens that make no line of code: layout, and the end of the file.
QUIET = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

# By the same definitions, at the commits named; zennit's comments are mostly the licence at the head of each file.
ANCHORS = """
zennit 6204e31: 11, 4119, 336 / 604 / 1000, 4 / 21 / 74, 2 / 4, 6 / 16, 95 %, 6.3
mir_eval fe73b35: 19, 13031, 692 / 1326 / 1611, 15 / 54 / 130, 3 / 6, 8 / 22, 100 %, 7.6
Optimistix 6415ab1: 34, 7573, 206 / 412 / 645, 3 / 35 / 196, 2 / 7, 2 / 5, 36 %, 5.8
HTTPX ae1b9f6: 23, 8827, 248 / 641 / 2019, 5 / 22 / 128, 1 / 4, 4 / 12, 54 %, 4.8
"""


@dataclass(frozen=True)
class File:
    """One file of the tree, as measured."""

    module: str  # such as `package.folder.file`; a folder's `__init__.py` is `package.folder`
    folder: str  # below the package, "." for the package itself
    name: str  # of the file, without its ending
    lines: int
    code: int
    comments: int
    bodies: list[int]  # lines, of each function
    arguments: list[int]  # of each function
    public: list[str]  # functions and classes of the module
    functions: set[str]  # the functions among them
    types: set[str]  # public classes, and aliases such as `Rows = ...`
    documented: list[bool]  # of each public definition, nested ones too
    imports: set[str]  # what is imported: modules, or names in modules


def files(root: Path) -> list[File]:
    """Every Python file below a package's folder, measured, in order of path."""
    return [_file(path, root) for path in sorted(root.rglob("*.py"))]


def _file(path: Path, root: Path) -> File:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    parts = path.relative_to(root.parent).with_suffix("").parts
    code, comments = _counted(text)
    definitions = [n for n in ast.walk(tree) if isinstance(n, DEFINITIONS)]
    functions = [n for n in definitions if not isinstance(n, ast.ClassDef)]
    public = [n for n in tree.body if isinstance(n, DEFINITIONS) and n.name[0] != "_"]
    return File(
        module=".".join(parts[:-1] if path.stem == "__init__" else parts),
        folder=path.parent.relative_to(root).as_posix(),
        name=path.stem,
        lines=len(text.splitlines()),
        code=code,
        comments=comments,
        bodies=[_body(function) for function in functions],
        arguments=[_arguments(function) for function in functions],
        public=[n.name for n in public],
        functions={n.name for n in public if not isinstance(n, ast.ClassDef)},
        types=set(_types(tree)),
        documented=[ast.get_docstring(n) is not None for n in definitions if n.name[0] != "_"],
        imports=set(_imports(tree, parts[:-1])),
    )


def _counted(text: str) -> tuple[int, int]:
    """Lines of code, docstrings among them, and comments on a line of their own."""
    code: set[int] = set()
    comments = 0
    for token in tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__):
        if token.type == tokenize.COMMENT:
            comments += token.line.lstrip().startswith("#")
        elif token.type not in QUIET:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code), comments


def _body(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _arguments(function: Function) -> int:
    signature = function.args
    names = [a.arg for a in [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]]
    return len(names) - (bool(names) and names[0] in {"self", "cls"})


def _types(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name[0] != "_":
            yield node.name
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            # `Rows` is an alias of a type, `ROWS` a constant
            if isinstance(target, ast.Name) and target.id[0].isupper() and not target.id.isupper():
                yield target.id


def _imports(tree: ast.Module, package: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def links(tree: list[File]) -> dict[str, set[str]]:
    """Which modules of the tree each of its modules imports."""
    modules = {file.module for file in tree}

    def resolved(name: str) -> str:
        """The module that is meant: `a.b.c` is a module, or a name in `a.b`."""
        return name if name in modules else name.rpartition(".")[0]

    imports = {file.module: {resolved(name) for name in file.imports} for file in tree}
    return {module: (names & modules) - {module} for module, names in imports.items()}


def levels(graph: Mapping[str, set[str]]) -> int:
    """How many nodes the longest chain of a graph has, a circle being one node."""

    @cache
    def reached(node: str) -> frozenset[str]:
        seen: set[str] = set()
        waiting = {node}
        while waiting:
            waiting |= graph[waiting.pop()] - seen
            seen |= waiting
        return frozenset(seen)

    @cache
    def circle(node: str) -> frozenset[str]:
        return frozenset({node} | {other for other in reached(node) if node in reached(other)})

    @cache
    def height(nodes: frozenset[str]) -> int:
        below = {circle(other) for node in nodes for other in graph[node]} - {nodes}
        return 1 + max((height(other) for other in below), default=0)

    return max((height(circle(node)) for node in graph), default=0)


def rooms(tree: list[File]) -> dict[str, set[str]]:
    """Which rooms each room imports from; the package's own `__init__.py` is a room."""
    room = {file.module: ".".join(file.module.split(".")[:2]) for file in tree}
    graph: dict[str, set[str]] = {name: set() for name in room.values()}
    for module, imported in links(tree).items():
        graph[room[module]] |= {room[name] for name in imported} - {room[module]}
    return graph


def whole(tree: list[File]) -> dict[str, str]:
    """The figures of a tree by what they count, in the order of `ANCHORS` first."""
    lines = [file.lines for file in tree]
    bodies = [n for file in tree for n in file.bodies]
    arguments = [n for file in tree for n in file.arguments]
    public = [len(file.public) for file in tree]
    documented = [has_docstring for file in tree for has_docstring in file.documented]
    comments = sum(file.comments for file in tree) / sum(file.code for file in tree)
    graph = rooms(tree)
    figures = {
        "files": len(tree),
        "lines": sum(lines),
        "lines of a file: median / 90 % / longest": f"{_spread(lines)} / {max(lines)}",
        "lines of a function's body: median / 90 % / longest": f"{_spread(bodies)} / {max(bodies)}",
        "arguments of a function: median / 90 %": _spread(arguments),
        "public functions and classes of a module: median / 90 %": _spread(public),
        "public definitions with a docstring": f"{100 * statistics.fmean(documented):.0f} %",
        "comments per 100 lines of code": f"{100 * comments:.1f}",
        "most arguments": max(arguments),
        "rooms / imports between rooms / levels": f"{_size(graph)} / {levels(graph)}",
        "types defined in several modules": _repeated(n for f in tree for n in f.types),
        "functions defined in several modules": _repeated(n for f in tree for n in f.functions),
        "file names that repeat": _repeated(f.name for f in tree if f.name != "__init__"),
    }
    return {name: str(figure) for name, figure in figures.items()}


def _spread(values: list[int]) -> str:
    return f"{statistics.median(values):.0f} / {sorted(values)[int(0.9 * len(values))]}"


def _size(graph: Mapping[str, set[str]]) -> str:
    return f"{len(graph)} / {sum(map(len, graph.values()))}"


def _repeated(names: Iterable[str]) -> int:
    return sum(times > 1 for times in Counter(names).values())


def folders(tree: list[File]) -> dict[str, str]:
    """Of each folder: lines, files, the imports among the files and the levels of these."""
    graph = links(tree)
    figures = {}
    for folder in sorted({file.folder for file in tree}):
        inside = {file.module: file.lines for file in tree if file.folder == folder}
        among = {module: graph[module] & inside.keys() for module in inside}
        figures[folder] = f"{sum(inside.values())} / {_size(among)} / {levels(among)}"
    return figures


def table(corner: str, columns: Mapping[str, Mapping[str, str]]) -> str:
    """A Markdown table of columns by name, a dash where a column has no such row."""
    rows = dict.fromkeys(row for column in columns.values() for row in column)
    body = [[row, *(column.get(row, "–") for column in columns.values())] for row in rows]
    lines = [[corner, *columns], ["---"] * (1 + len(columns)), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replaced(page: str, tables: str) -> str:
    """A page with other tables between its two marks.

    Raises:
        SystemExit: The page does not have the mark twice.
    """
    parts = page.split(MARK)
    if len(parts) != 3:
        raise SystemExit(f"the page has {MARK} {len(parts) - 1} times; expected twice")
    before, _, after = parts
    return f"{before}{MARK}\n\n{tables}\n\n{MARK}{after}"


def main() -> None:
    """Print the tables of the trees that the command line names, or write them into a page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tree", type=Path, help="the folder of a package")
    parser.add_argument("--against", type=Path, metavar="DIR", help="a second tree, beside it")
    parser.add_argument("--anchors", action="store_true", help="four other packages, beside it")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write into a page instead")
    options = parser.parse_args()
    trees = {"before": options.against} if options.against else {}
    trees["now"] = options.tree
    measured = {name: files(path.resolve()) for name, path in trees.items()}
    columns = {name: whole(tree) for name, tree in measured.items()}
    if options.anchors:
        for anchor in ANCHORS.strip().splitlines():
            name, figures = anchor.split(": ")
            columns[name] = dict(zip(columns["now"], figures.split(", "), strict=False))
    corner = "lines / files / imports among the files / levels"
    by_folder = table(corner, {name: folders(tree) for name, tree in measured.items()})
    tables = f"{table('', columns)}\n\n{by_folder}"
    if options.page:
        page = replaced(options.page.read_text(encoding="utf-8"), tables)
        options.page.write_text(page, encoding="utf-8")
    else:
        print(tables)


if __name__ == "__main__":
    main()
