"""Names for interchangeable parts, and the specs that spell them.

A part is a frozen dataclass.  A spec is a call with keyword arguments, such as
``iou(binarize=fixed(threshold=0.4))``; parsing one builds the part, and ``spec`` writes it back in
canonical form: defaults left out, options in the order of the fields.  Canonical specs are keys:
equal parts have equal specs.  A field that holds a part of another registry names it in its
metadata: ``field(default=Otsu(), metadata={"registry": binarizers})``.  A field that holds parts by
name, each a table of an experiment file, names under ``parts`` their registry, and under ``kind``
the key of such a table that says which part it is, and which part it is where the key is absent.

A class may name options that it no longer has in ``former``, with what holds instead: they are read
and ignored, with a warning.

A class may name sets of options in ``presets``, such as those of a published study: ``iou.study``
is short for ``iou(...)`` with them, and ``iou.study(option=value)`` changes one.

A class may name in ``ranges`` the least and the most of numeric options; others are finite, counts
are not negative (and not 0 where they have no default), and nothing is larger than a billion.

An installed package adds parts by entry points of the group ``heatproof.`` and the registry's name,
such as ``heatproof.metrics``: the entry point has the name of the part, and its value is the module
that registers it.
"""

import ast
import dataclasses
import importlib
import inspect
import math
import pkgutil
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import pydantic

from heatproof.errors import FormerOption, SpecError, near_misses

Part = TypeVar("Part")
_MOST = 1e9  # more of anything is a mistake, which would fill memory or take years
_MOST_SEED = 2**63 - 1


class Registry(Generic[Part]):
    """The parts of one kind, found when a name is first asked for.

    Args:
        kind: What a part is called in messages, such as ``"saliency method"``.
        package: Where the parts of heatproof live; all its modules are imported.
        group: Group of the entry points of other packages, such as ``"heatproof.methods"``.
    """

    def __init__(self, kind: str, package: str, group: str = "") -> None:
        self.kind = kind
        self._package = package
        self._group = group
        self._found = False
        self._classes: dict[str, type] = {}

    def register(self, name: str) -> Callable[[type], type]:
        """Class decorator that gives a frozen dataclass its name."""

        def add(cls: type) -> type:
            if name in self._classes:
                raise SpecError(f"two {self.kind}s are named {name}")
            self._classes[name] = cls
            return cls

        return add

    def names(self) -> tuple[str, ...]:
        """Every registered name, sorted.

        Raises:
            SpecError: Another package offers a part that cannot be imported.
        """
        if not self._found:
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__, f"{self._package}."):
                importlib.import_module(module.name)
            for entry in entry_points(group=self._group):
                self._load(entry)
            # The flag is set last: a part that cannot be imported is reported by every later call,
            # too.
            self._found = True
        return tuple(sorted(self._classes))

    def _load(self, entry: EntryPoint) -> None:
        """Import the module that another package names, and check that it registers the part."""
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        offer = f"package {package} offers the {self.kind} {entry.name} in {entry.value}"
        try:
            entry.load()
        except Exception as error:  # a foreign package may raise anything
            raise SpecError(
                f"{offer}, which cannot be imported: {type(error).__name__}: {error};"
                " mend the package, or uninstall it"
            ) from error
        if entry.name not in self._classes:
            raise SpecError(
                f"{offer}, which registers no part of that name; expected"
                f" @register({entry.name!r}) there, under the entry point {self._group}"
            )

    def part_class(self, name: str) -> type:
        """The class behind a name; raises SpecError."""
        if name not in self.names():
            raise SpecError(f"no {self.kind} is named {name!r}; {near_misses(name, self.names())}")
        return self._classes[name]

    def parse(self, spec: str) -> Part:
        """The part that a spec describes.

        Raises:
            SpecError: The spec cannot be read, or names something that does not exist.
        """
        try:
            return self._build(ast.parse(spec.strip(), mode="eval").body, spec)
        except SpecError:
            raise
        # Python 3.11 raises ValueError for a null byte, and the others for what is nested deeply.
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise SpecError(
                f"cannot read {spec[:200]!r} as a {self.kind}; expected a call like"
                " name(option=value)"
            ) from error

    def build(self, name: str, options: Mapping[str, Any], folder: Path = Path()) -> Part:
        """The part with that name and those options, such as a table of an experiment file.

        Relative paths among the options are taken from ``folder``.

        Raises:
            SpecError: No such part, no such option, or a value of the wrong type.
        """
        cls = self.part_class(name)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        options = _current(cls, name, options)
        for option in options:
            if option not in fields:
                raise SpecError(f"{name} has no option {option!r}; {near_misses(option, fields)}")
        values = {
            key: _several(fields[key], value, folder)
            if "parts" in fields[key].metadata and isinstance(value, dict)
            else self._converted(cls, fields[key], value)
            for key, value in options.items()
        }
        located = {key: _located(value, folder) for key, value in values.items()}
        return self._made(cls, located, name)

    def spec(self, part: Part) -> str:
        """The canonical spec of a part."""
        name = next((n for n in self.names() if self._classes[n] is type(part)), None)
        if name is None:
            raise SpecError(f"{part!r} is not a registered {self.kind}")
        options = []
        for field in dataclasses.fields(part):  # type: ignore[arg-type]  # every part is a dataclass
            value = getattr(part, field.name)
            # 1 and 1.0 and True are equal in Python, and not in a spec.
            if value != field.default or type(value) is not type(field.default):
                options.append(f"{field.name}={written(field, value)}")
        return f"{name}({', '.join(options)})" if options else name

    def presets(self, name: str) -> Mapping[str, str]:
        """Options by the name of the preset, as they stand in a spec."""
        presets: Mapping[str, str] = getattr(self.part_class(name), "presets", {})
        return presets

    def parts(self, specs: Iterable[str]) -> dict[str, Part]:
        """Parts by canonical spec, in order, each once."""
        parts = [self.parse(spec) for spec in specs]
        return {self.spec(part): part for part in parts}

    def _build(self, node: ast.expr, spec: str) -> Part:
        called = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
        keywords = {keyword.arg: keyword for keyword in called.keywords}
        match called:
            case ast.Call(func=ast.Name(id=name), args=[]):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=preset), args=[]):
                # An option that the spec gives overrides that of the preset.
                keywords = self._preset(name, preset) | keywords
            case _:
                raise SpecError(
                    f"cannot read {spec!r} as a {self.kind}; expected a call with named options"
                    " like name(option=value)"
                )
        cls = self.part_class(name)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        options: dict[str, Any] = {}
        for keyword in _current(cls, name, keywords).values():
            if keyword.arg not in fields:
                raise SpecError(
                    f"{name} has no option {keyword.arg!r}; "
                    f"{near_misses(str(keyword.arg), fields)} (in {spec!r})"
                )
            options[keyword.arg] = self._value(cls, fields[keyword.arg], keyword.value, spec)
        return self._made(cls, options, spec)

    def _preset(self, name: str, preset: str) -> dict[str | None, ast.keyword]:
        presets = self.presets(name)
        if preset not in presets:
            raise SpecError(f"{name} has no preset {preset!r}; {near_misses(preset, presets)}")
        call = ast.parse(f"{name}({presets[preset]})", mode="eval").body
        assert isinstance(call, ast.Call)
        return {keyword.arg: keyword for keyword in call.keywords}

    def _made(self, cls: type, options: Mapping[str, Any], spec: str) -> Part:
        missing = [
            field.name
            for field in dataclasses.fields(cls)
            if field.name not in options
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise SpecError(f"{spec!r} lacks {', '.join(missing)}, which have no default")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, value in options.items():
            _check_range(cls, fields[name], value, spec)
        part: Part = cls(**options)
        return part

    def _value(self, cls: type, field: "dataclasses.Field[Any]", node: ast.expr, spec: str) -> Any:
        nested = field.metadata.get("registry")
        if nested is not None:
            # None is the one constant that an optional part may be; everything else is a spec.
            absent = isinstance(node, ast.Constant) and node.value is None
            return None if absent else nested._build(node, spec)
        try:
            return self._converted(cls, field, ast.literal_eval(node))
        except SpecError as error:
            raise SpecError(f"{error} (in {spec!r})") from error
        except (ValueError, TypeError) as error:
            raise SpecError(f"{ast.unparse(node)} is no plain value (in {spec!r})") from error

    def _converted(self, cls: type, field: "dataclasses.Field[Any]", value: Any) -> Any:
        nested = field.metadata.get("registry")
        if nested is not None and isinstance(value, str):
            # Experiment files spell a part inside a part as text.
            return nested.parse(value)
        # Annotations may be strings, which get_type_hints resolves.
        hint = get_type_hints(cls)[field.name]
        # Pydantic's strict mode refuses text for a path.
        if isinstance(value, str) and (hint is Path or Path in get_args(hint)):
            return Path(value)
        # Lists stand for tuples in TOML; strings never stand for numbers.
        strict = not isinstance(value, list | tuple | dict)
        try:
            return pydantic.TypeAdapter(hint).validate_python(value, strict=strict)
        except pydantic.ValidationError as error:
            expected = type_text(hint)
            raise SpecError(
                f"{field.name}={value!r} is not a value for {cls.__name__}.{field.name};"
                f" expected {expected}"
            ) from error


def _check_range(cls: type, field: "dataclasses.Field[Any]", value: Any, spec: str) -> None:
    """Raises SpecError for a number that no option can mean, or that this one does not take."""
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        least, most = _range(cls, field, number)
        if not least <= number <= most:
            bounds = " and ".join(
                [f"at least {least:g}"] * math.isfinite(least)
                + [f"at most {most:.15g}"] * math.isfinite(most)
            )
            raise SpecError(
                f"{field.name} = {number} (in {spec!r}): expected a number"
                f" {bounds or 'that is finite'}"
            )


def _range(
    cls: type, field: "dataclasses.Field[Any]", number: int | float
) -> tuple[int | float, int | float]:
    """The least and the most that an option may be."""
    ranges: Mapping[str, tuple[int | float, int | float]] = getattr(cls, "ranges", {})
    if field.name in ranges:
        return ranges[field.name]
    if isinstance(number, float):
        # Not finite is what a default says alone, such as "no limit".
        most = math.inf if field.default == math.inf else _MOST
        return -_MOST, most
    if "seed" in field.name:
        return 0, _MOST_SEED
    # Integers count something; where there is no default, nothing of it is no option.
    return int(field.default is dataclasses.MISSING), _MOST


def _current(cls: type, name: str, options: Mapping[Any, Any]) -> dict[Any, Any]:
    """The options without those that the part no longer has."""
    former: Mapping[str, str] = getattr(cls, "former", {})
    for option in options:
        if option in former:
            told = f"{name} no longer has {option}: {former[option]}; leave it out"
            warnings.warn(told, FormerOption, stacklevel=4)
    return {option: value for option, value in options.items() if option not in former}


def _several(
    field: "dataclasses.Field[Any]", tables: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Parts by name, each of a table with its options; raises SpecError."""
    key, usual = field.metadata["kind"]
    parts = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SpecError(f"{field.name}.{name} = {table!r}, expected a table of options")
        options = dict(table)
        try:
            parts[name] = field.metadata["parts"].build(options.pop(key, usual), options, folder)
        except SpecError as error:
            raise SpecError(f"{field.name}.{name}: {error}") from error
    return parts


def type_text(annotation: Any) -> str:
    """A type as a person reads it, without modules."""
    text = annotation.__name__ if type(annotation) is type else str(annotation)
    without_modules = re.sub(r"\b(?:[a-z_]\w*\.)+(?=\w)", "", text)
    short = without_modules.removeprefix("<class '").removesuffix("'>")
    return re.sub(r"Literal\[(.*?)\]", lambda match: match[1].replace(", ", " | "), short)


def part_name(spec: str) -> str:
    """The name of the part in a spec, whatever its options."""
    return spec.partition("(")[0]


def relative_to(part: Part, folder: Path) -> Part:
    """The part with its relative paths, and those of parts inside it, taken from ``folder``."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]  # every part is a dataclass
        value = getattr(part, field.name)
        if _paths(value):
            changes[field.name] = _located(value, folder)
        elif "registry" in field.metadata and value is not None:
            changes[field.name] = relative_to(value, folder)
    return dataclasses.replace(part, **changes) if changes else part  # type: ignore[type-var]  # likewise


def _paths(value: Any) -> list[Path]:
    """The path that an option is, or those that it holds by name."""
    values = value.values() if isinstance(value, Mapping) else (value,)
    return [path for path in values if isinstance(path, Path)]


def _located(value: Any, folder: Path) -> Any:
    """An option whose relative paths are taken from a folder."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, Mapping) and _paths(value):
        return {name: _located(path, folder) for name, path in value.items()}
    return value


def files_of(part: object) -> Iterator[Path]:
    """Every file that a part, or a part inside it, names."""
    for field in dataclasses.fields(part):  # type: ignore[arg-type]  # every part is a dataclass
        value = getattr(part, field.name)
        if paths := _paths(value):
            yield from paths
        elif "registry" in field.metadata and value is not None:
            yield from files_of(value)


def written(field: "dataclasses.Field[Any]", value: Any) -> str:
    """The value of an option as it stands in a spec."""
    if value is None:
        return "None"
    if "registry" in field.metadata:
        text: str = field.metadata["registry"].spec(value)
        return text
    # The text must be a literal, since a spec is parsed with literal_eval.
    if isinstance(value, Mapping) and _paths(value):
        value = {
            name: str(path) if isinstance(path, Path) else path for name, path in value.items()
        }
    return repr(str(value) if isinstance(value, Path) else value)


def file_summary(cls: type) -> str:
    """The first paragraph of the file that defines a part, after the name of the part there."""
    text = docstring_summary(getattr(inspect.getmodule(cls), "__doc__", None))
    after = text.partition(": ")[2]
    return f"{after[:1].upper()}{after[1:]}"


def docstring_summary(docstring: str | None) -> str:
    """The first paragraph of a docstring as one line, without marks of code."""
    return inspect.cleandoc(docstring or "").split("\n\n")[0].replace("\n", " ").replace("``", "")
