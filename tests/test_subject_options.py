"""What can be said of a subject stands once: Python, the command line and the page of the docs tell the same."""

from __future__ import annotations

import inspect

import pytest

from ganlens import Subject, UserError
from ganlens.cli.subject_options import option_parameters
from ganlens.subject_options import (
    OPTIONS,
    RunFolderOptions,
    SubjectOptions,
    flag_of,
    options_of,
    read_class_count,
    read_key,
    read_range,
    read_shape,
)


def test_python_and_the_command_line_take_the_same_options() -> None:
    wrap, load = (inspect.signature(make).parameters for make in (Subject.wrap, Subject.load))
    assert [*wrap] == ["source", "progress", *OPTIONS]
    assert [*load] == ["run_folder", "with_data", *options_of(RunFolderOptions)]
    typed = [parameter.name for parameter in option_parameters(SubjectOptions)]
    assert typed == [name for name in OPTIONS if name not in ("modality", "name")]


def test_help_in_python_tells_each_option_of_its_own_function() -> None:
    wrap, load = (" ".join((make.__doc__ or "").split()) for make in (Subject.wrap, Subject.load))
    for name, option in OPTIONS.items():
        words = f"{name}: {option.help}"
        assert words in wrap
        assert (words in load) == (name in options_of(RunFolderOptions))


def test_a_keyword_that_is_no_option_is_an_error_of_the_caller() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'latents'"):
        Subject.wrap("generator.pt2", latents=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'latent'"):
        Subject.load("runs/first", latent=3)  # type: ignore[call-arg]


def test_words_become_values() -> None:
    assert (read_shape("100", "--latent"), read_shape("100x1, 1", "--latent")) == (100, (100, 1, 1))
    assert read_range(" -1, 2.5e1", "--range") == (-1.0, 25.0)
    assert (read_key("-2", "--output"), read_key("images", "--output")) == (-2, "images")
    assert flag_of("num_classes") == "--classes" and flag_of("classifier_range") == "--classifier-range"


@pytest.mark.parametrize(
    ("read", "typed", "said"),
    [
        (read_shape, "0", "--x 0: expected whole numbers from 1 on"),
        (read_shape, "1_0", "--x 1_0: expected whole numbers from 1 on"),
        (read_range, "1", "--x 1: expected two numbers, for instance --x 0,1"),
        (read_range, "nan,1", "--x nan,1: expected two numbers"),
        (read_range, "1,0", "--x 1,0: the first number must be the lower one"),
        (read_range, "0,1e999", "--x 0,1e999: a number is too large"),
        (read_class_count, 2_000_000, "--x 2,000,000: expected at most 1,000,000"),
    ],
)
def test_what_can_not_be_read_is_said(read, typed, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        read(typed, "--x")
