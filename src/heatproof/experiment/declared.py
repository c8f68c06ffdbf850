"""Names and options of parts, read from the source that declares them: importing it takes seconds.

``heatproof check`` so answers a misspelt method before torch is imported.  What is read is the text
of heatproof's own files; of parts of other packages the entry points tell the names alone.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from heatproof.errors import SpecError, near_misses

_ROOT = Path(__file__).parents[1]
_PLAIN = {"Protocol", "ABC", "Generic", "object"}  # bases that add no option


@dataclass(frozen=True)
class Kind:
    """Parts of one kind.

    Attributes:
        called: What a part is called in messages.
        registry: Name of the variable by which parts register.
        folder: Where their files lie, seen from the package.
        lists: The command that lists them.
    """

    called: str
    registry: str
    folder: str
    lists: str = ""

    def check(self, spec: str) -> None:
        """Raises SpecError for a spec of an unknown part, or with an option that it has not.

        Values are not looked at, nor parts inside the part.
        """
        try:
            node = ast.parse(spec.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            node = ast.Constant(None)
        options = node.keywords if isinstance(node, ast.Call) else []
        named = node.func if isinstance(node, ast.Call) else node
        preset = isinstance(named, ast.Attribute)
        name = named.value if isinstance(named, ast.Attribute) else named
        if not isinstance(name, ast.Name) or (isinstance(node, ast.Call) and node.args):
            raise SpecError(
                f"cannot read {spec[:200]!r} as a {self.called}; expected a call with named options"
                " like name(option=value)"
            )
        declared = parts(self)
        if name.id not in declared:
            listed = f" (heatproof {self.lists} lists them)" if self.lists else ""
            misses = near_misses(name.id, declared)
            raise SpecError(f"no {self.called} is named {name.id!r}; {misses}{listed}")
        known = declared[name.id]
        for option in options:
            if known is not None and not preset and option.arg not in known:
                misses = near_misses(str(option.arg), known)
                raise SpecError(f"{name.id} has no option {option.arg!r}; {misses} (in {spec!r})")


METHODS = Kind("saliency method", "methods", "saliency/methods", "methods")
METRICS = Kind("localization metric", "metrics", "localize/metrics", "metrics")
CONTROLS = Kind("control", "controls", "localize/controls", "controls")
CRITERIA = Kind("criterion of trust", "criteria", "trust/criteria", "criteria")
SIMILARITIES = Kind("similarity", "similarities", "trust/similarity", "similarities")
RULES = Kind("rule", "rules", "trust/rules", "rules")
BACKBONES = Kind("backbone", "backbones", "models/backbones", "backbones")
HEADS = Kind("head", "heads", "models/heads", "heads")
LOCALIZERS = Kind("localizer", "localizers", "models/localizers", "localizers")
GEOMETRIES = Kind("geometry", "geometries", "data/geometry", "geometries")
INTENSITIES = Kind("intensity", "intensities", "data/intensities", "intensities")
KINDS = (
    *(METHODS, METRICS, CONTROLS, CRITERIA, SIMILARITIES, RULES, BACKBONES, HEADS, LOCALIZERS),
    *(GEOMETRIES, INTENSITIES),
)


@cache
def parts(kind: Kind) -> Mapping[str, frozenset[str] | None]:
    """Names of all parts, with their options; None where the source does not tell these."""
    found: dict[str, frozenset[str] | None] = {
        entry.name: None for entry in entry_points(group=f"heatproof.{kind.registry}")
    }
    for file in sorted((_ROOT / kind.folder).glob("*.py")):
        if f"@{kind.registry}.register(" in file.read_text(encoding="utf-8"):
            for node in _tree(file).body:
                for name in _names(node, kind.registry, file):
                    found[name] = _options(node, file)
    return found


def fields(file: str, record: str) -> frozenset[str]:
    """The fields of a record that a file of the package declares."""
    node, place = _named(record, _ROOT / file)
    return _options(node, place) or frozenset()


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _named(name: str, file: Path) -> tuple[ast.AST | None, Path]:
    """The class or the value with a name in a file, and the file in which it stands."""
    for node in _tree(file).body:
        match node:
            case ast.ClassDef(name=found) if found == name:
                return node, file
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return value, file
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("heatproof."):
                if any((alias.asname or alias.name) == name for alias in names):
                    place = _ROOT.joinpath(*module.split(".")[1:])
                    package = place / "__init__.py"
                    return _named(name, package if package.is_file() else place.with_suffix(".py"))
    return None, file


def _names(node: ast.AST, registry: str, file: Path) -> Iterator[str]:
    for decorator in node.decorator_list if isinstance(node, ast.ClassDef) else ():
        match decorator:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=variable), attr="register"), args=[name]
            ) if variable == registry:
                value = _named(name.id, file)[0] if isinstance(name, ast.Name) else name
                if isinstance(value, ast.Constant):
                    yield str(value.value)


def _options(node: ast.AST | None, file: Path) -> frozenset[str] | None:
    """The options that a class has, and has had; None where an unknown base may add some."""
    if not isinstance(node, ast.ClassDef):
        return None
    options: set[str] = set()
    for base in node.bases:
        name = base.value if isinstance(base, ast.Subscript) else base
        if not isinstance(name, ast.Name):
            return None
        if name.id not in _PLAIN:
            inherited = _options(*_named(name.id, file))
            if inherited is None:
                return None
            options |= inherited
    for line in node.body:
        match line:
            case ast.AnnAssign(target=ast.Name(id="former"), value=value):
                options |= _keys(value)
            case ast.AnnAssign(target=ast.Name(id=option), annotation=annotation):
                options |= set() if "ClassVar" in ast.unparse(annotation) else {option}
    return frozenset(options)


def _keys(value: ast.expr | None) -> set[str]:
    keys = value.keys if isinstance(value, ast.Dict) else []
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}
