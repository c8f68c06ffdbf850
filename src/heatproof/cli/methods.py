"""``heatproof methods``: the saliency methods by kind, what each needs, and what it takes."""

import json
from math import inf
from typing import Any

import typer
from rich.console import Console

from heatproof.cli.parts import described, print_part, print_parts
from heatproof.cli.terminal import escape
from heatproof.errors import HeatproofError

_KINDS = {
    "class activation": "Class activation maps: features, weighted. Coarse; need a layer that is a"
    " grid.",
    "gradient": "Gradients: what the logit would do if a pixel changed.",
    "path": "Integrated gradients: along a path; must add up to the change of the logit.",
    "propagation": "Propagation: the logit shared out layer by layer; must add up, too.",
    "perturbation": "Perturbation: the network is asked about changed films; needs nothing of its"
    " inside.",
    "refinement": "Of another method: smoothed, by regions, or of another scalar.",
    "control": "Controls: what a map looks like that knows nothing of the model.",
    "": "Of other packages:",
}
_NEEDS = {
    "input gradients": "gradients down to the film",
    "feature gradients": "a grid of features, and gradients of it",
    "features": "a grid of features",
    "class map": "a head that pools a map",
    "logits": "logits alone",
}
_START = (
    ("grad_cam", "one pass, coarse"),
    ("integrated_gradients", "fine; says where it does not add up"),
    ("occlusion", "asks the network itself; for large films with a larger window"),
)
"""Three methods that see a network in different ways, and why to start with them."""


def list_methods(*, as_json: bool = False) -> None:
    """Print the methods by kind."""
    from heatproof.saliency.methods import definition, forward_passes, methods

    passes = forward_passes()
    if as_json:
        told = [part | _told(part["name"], passes) for part in described(methods)]
        typer.echo(json.dumps(told, indent=2))
        return
    out = Console()
    out.print("Start with these three, which see a network in different ways:", highlight=False)
    for name, why in _START:
        out.print(f"    [bold]{name}[/]  {escape(why)}", highlight=False)
    out.print(
        "A pass is one forward pass of a network on one film; measured in seconds of CPU, with the"
        " options of each as listed.",
        highlight=False,
    )
    inner: list[Any] = []
    told_of = {name: _told(name, passes) for name in methods.names()}
    for kind, heading in _KINDS.items():
        names = [name for name, told in told_of.items() if (told["kind"] or "") == kind]
        if not names:
            continue
        out.print(f"\n[bold underline]{escape(heading)}[/]", highlight=False)
        for name in sorted(names, key=lambda name: told_of[name]["forward passes"] or inf):
            summary = f"{definition(methods.part_class(name))} {_cost(told_of[name])}"
            inner += print_part(out, methods, name, summary)
    for other in dict.fromkeys(inner):
        if other is not methods:
            out.print(f"\nwhere an option is a {other.kind}:", highlight=False)
            print_parts(other)


def _told(name: str, passes: dict[str, float]) -> dict[str, Any]:
    """What is known of a method besides its options."""
    from heatproof.saliency.methods import kind_of, methods

    cls = methods.part_class(name)
    needs = getattr(cls, "needs", None)
    if isinstance(needs, property):  # that of its base
        try:
            needs = cls().needs
        except (HeatproofError, TypeError):
            needs = None
    return {"kind": kind_of(cls), "needs": needs, "forward passes": passes.get(name)}


def _cost(told: dict[str, Any]) -> str:
    parts = [f"Needs {_NEEDS.get(told['needs'], told['needs'])}"] if told["needs"] else []
    parts += [f"{told['forward passes']:g} passes"] if told["forward passes"] else []
    return f"[{'; '.join(parts)}]" if parts else ""
