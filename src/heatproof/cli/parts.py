"""The parts of a registry, listed for people and for programs."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console

from heatproof.cli.terminal import escape, print_hanging

if TYPE_CHECKING:
    from heatproof.registry import Registry


def summary_of(cls: type) -> str:
    """What a part says of itself, in a sentence or a few."""
    from heatproof.registry import docstring_summary

    return docstring_summary(cls.__doc__)


def print_parts(registry: "Registry[Any]", summary: Callable[[type], str] = summary_of) -> None:
    """Print the parts of a registry with their options, and those that options may be."""
    out, inner = Console(), []
    for name in registry.names():
        inner += print_part(out, registry, name, summary(registry.part_class(name)))
    for other in dict.fromkeys(inner):
        if other is not registry:  # a part that holds one of its own kind would be listed forever
            out.print(f"\nwhere an option is a {other.kind}:", highlight=False)
            print_parts(other)


def print_part(out: Console, registry: "Registry[Any]", name: str, summary: str) -> list[Any]:
    """Print one part with its options; returns the registries that options are of."""
    from heatproof.registry import type_text, written  # here: its imports take long

    cls, inner = registry.part_class(name), []
    title = getattr(cls, "title", None)  # a property of parts whose options decide it
    called = f"{title}. " if isinstance(title, str) else ""
    print_hanging(out, f"[bold]{name}[/]  {escape(called + summary)}")
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING
        default = "" if required else f" = {written(field, field.default)}"
        option = escape(f"{field.name}: {type_text(field.type)}{default}")
        print_hanging(out, option, first=4, indent=8)
        inner += [field.metadata["registry"]] if "registry" in field.metadata else []
    for preset, options in registry.presets(name).items():
        told = f"{name}.{preset} = {escape(f'{name}({options})')}"
        print_hanging(out, told, first=4, indent=8)
    return inner


def described(registry: "Registry[Any]") -> list[dict[str, Any]]:
    """The parts of a registry, for programs."""
    from heatproof.registry import type_text, written  # here: its imports take long

    return [
        {
            "name": name,
            "summary": summary_of(registry.part_class(name)),
            "options": [
                {
                    "name": field.name,
                    "type": type_text(field.type),
                    "default": None
                    if field.default is dataclasses.MISSING
                    else written(field, field.default),
                }
                for field in dataclasses.fields(registry.part_class(name))
            ],
            "presets": dict(registry.presets(name)),
        }
        for name in registry.names()
    ]
