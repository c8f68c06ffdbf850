"""``heatproof methods``: by kind, with needs and cost, and what to start with."""

import json
from typing import get_args

from heatproof import cli
from heatproof.cli.methods import _KINDS, _NEEDS, _START
from heatproof.saliency.methods import Kind, Need, forward_passes, kind_of, methods


def test_every_method_is_listed_once_under_its_kind(capsys):
    cli.list_parts("methods")
    lines = capsys.readouterr().out.splitlines()
    first = [line.split()[0] for line in lines if line[:1].isalpha() and "  " in line]
    listed = [name for name in first if name in methods.names()]
    assert sorted(listed) == sorted(methods.names())
    kinds = [kind_of(methods.part_class(name)) for name in listed]
    assert sorted(kinds, key=[*_KINDS].index) == kinds
    assert set(kinds) == set(get_args(Kind)) == {*_KINDS} - {""}
    assert {*_NEEDS} == set(get_args(Need))


def test_the_three_to_start_with_see_a_network_in_different_ways():
    kinds = {kind_of(methods.part_class(name)) for name, _ in _START}
    assert len(kinds) == len(_START) == 3


def test_what_a_method_takes_is_measured(capsys):
    passes = forward_passes()
    assert {*passes} <= {*methods.names()}
    assert passes["grad_cam"] < passes["gradient"] < passes["gradient_shap"]
    cli.list_parts("methods", as_json=True)
    told = {part["name"]: part for part in json.loads(capsys.readouterr().out)}
    assert told["grad_cam"]["forward passes"] == passes["grad_cam"]
    assert told["grad_cam"]["needs"] == "feature gradients"
    assert told["smooth_grad"]["needs"] == "input gradients"  # of its base
    assert told["occlusion"]["kind"] == "perturbation"
