from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable

import pytest
import typer

from ganlens.cli import audit, demo, main, probe, sample, train
from ganlens.cli import list as listing
from ganlens.probes import probes

Run = Callable[..., object]

VERBS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "train": train.train,
    "sample": sample.sample,
    "audit": audit.audit,
    "list": listing.list_components,
    "probe": probe.probe,
}


def plain(text: str) -> str:
    """Help without its boxes and line breaks."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples(ganlens: Run, verb: str) -> None:
    result = ganlens(verb, "--help")
    assert result.code == 0
    shown = plain(result.out)
    assert plain(inspect.getdoc(VERBS[verb]).split("\n\n")[0]) in shown
    assert f"Examples ganlens {verb}" in shown


def examples() -> list[str]:
    text = "\n".join(inspect.getdoc(function) or "" for function in [*VERBS.values(), main.ganlens])
    without_remarks = re.sub(r"\[dim\].*?\[/dim\]", "", text)
    return re.findall(r"^ +ganlens (.+?) *$", without_remarks, re.MULTILINE)


@pytest.mark.parametrize("example", examples())
def test_every_example_in_the_help_is_understood(example: str) -> None:
    words = shlex.split(example)
    group = typer.main.get_command(main.app)
    with group.make_context("ganlens", [words[0]], resilient_parsing=True) as context:
        command = group.get_command(context, words.pop(0))
        if command is not None and command.name == "probe":
            command = command.get_command(context, words.pop(0))
        assert command is not None
        if "--help" not in words:
            command.make_context(command.name, words, parent=context)  # raises what it doesn't understand


@pytest.mark.parametrize("name", probes.names())
def test_every_probe_shows_its_question_method_needs_and_settings(ganlens: Run, name: str) -> None:
    result = ganlens("probe", name, "--help")
    kind = probes[name]
    shown = plain(result.out)
    assert result.code == 0
    assert plain(kind.question) in shown
    assert plain(kind.described()) in shown
    for need in kind.needs:
        assert need.value in shown
    for key, field in kind.Settings.model_fields.items():
        assert f"{key.replace('_', '-')} " in shown
        assert plain(field.description or "no description")[:30] in shown


def test_probes_are_listed_with_their_questions(ganlens: Run) -> None:
    shown = plain(ganlens("probe", "--help").out)
    for name in probes:
        assert f"{name} {plain(probes[name].question)}" in shown


def test_the_list_names_every_component_once_with_its_own_description(ganlens: Run) -> None:
    from ganlens.config import presets
    from ganlens.data import sources
    from ganlens.networks import networks
    from ganlens.training.losses import losses

    lines = ganlens("list").out.splitlines()
    for registry in (sources, networks, losses, probes):
        for name in registry:
            assert (
                len([x for x in lines if x.split() == [name, *registry.summary(name).rstrip(".").split()]])
                == 1
            )
    for name, summary in presets().items():
        assert len([x for x in lines if x.split() == [name, *summary.rstrip(".").split()]]) == 1


def test_one_kind_is_listed_alone(ganlens: Run) -> None:
    from ganlens.training.losses import losses

    lines = ganlens("list", "losses").out.splitlines()
    assert lines[0].startswith("losses")
    assert [line.split()[0] for line in lines[1:]] == losses.names()
