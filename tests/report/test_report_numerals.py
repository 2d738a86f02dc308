"""Numbers as a person should see them, worked out by hand."""

from __future__ import annotations

import pytest

from ganlens.measurement import Baseline, Measurement
from ganlens.report.comparison import compare
from ganlens.report.numerals import write_cell, write_measurement, write_number, write_seconds


def measurement(value, low=None, high=None, reference=0.0, better="higher"):
    baseline = Baseline(value=reference, what="reference")
    return Measurement(
        name="m", value=value, low=low, high=high, interval="", better=better, baseline=baseline
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (10.0, "10"),
        (1797, "1797"),
        (50_000, "50,000"),
        (1_234_567.0, "1,234,567"),
        (3.14159, "3.142"),
        (0.92345, "0.923"),
        (0.0123456, "0.0123"),
        (-2.5, "−2.500"),
        (12345.6, "12,346"),
        (0.00001234, "1.23 × 10⁻⁵"),
        (-1.5e12, "−1.50 × 10¹²"),
        (float("nan"), "—"),
        (float("inf"), "—"),
    ],
)
def test_three_or_four_digits(number, text):
    assert write_number(number) == text


def test_text_and_truth_stay_what_they_are_in_a_table():
    assert [write_cell(cell) for cell in ("0.5", 0.5, 3, True)] == ["0.5", "0.500", "3", "True"]


@pytest.mark.parametrize(
    ("numbers", "value", "interval"),
    [
        (
            (0.9234, 0.9101, 0.9352),
            "0.923",
            "[0.910, 0.935]",
        ),  # half-width .0126: two digits of it are 3 decimals
        ((3.14159, 2.8, 3.5), "3.14", "[2.80, 3.50]"),
        ((0.99912, 0.9988, 0.9994), "0.9991", "[0.9988, 0.9994]"),  # never more than four digits
        ((1843.7, 1790.2, 1897.9), "1844", "[1790, 1898]"),
        ((10, 10, 10), "10", "[10, 10]"),
        ((-0.031, -0.0914, 0.0294), "−0.031", "[−0.091, 0.029]"),
        ((0.0, -0.004, 0.004), "0.0000", "[−0.0040, 0.0040]"),
    ],
)
def test_decimals_fit_the_interval(numbers, value, interval):
    written = write_measurement(measurement(*numbers))
    assert (written.value, written.interval) == (value, interval)


def test_a_small_reference_is_not_rounded_to_nothing():
    assert write_measurement(measurement(0.0871, 0.0713, 0.1045, reference=0.00421)).reference == "0.00421"
    assert write_measurement(measurement(12.437, 11.62, 13.25, reference=4.0181)).reference == "4.02"


def test_without_an_interval_there_is_none_to_show():
    assert write_measurement(measurement(0.5)).interval is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "under 0.1 s"), (18.24, "18.2 s"), (131.0, "2 min 11 s")]
)
def test_durations(seconds, text):
    assert write_seconds(seconds) == text


def test_the_axis_has_round_ends_and_places_everything_in_proportion():
    compared = compare(measurement(12.0, 11.0, 13.0, reference=3.0))
    assert (compared.start, compared.end) == ("0", "15")
    assert (compared.value, compared.reference) == (80.0, 20.0)
    assert compared.band == pytest.approx((73.33, 13.34))


def test_the_axis_of_numbers_far_from_zero_does_not_start_there():
    compared = compare(measurement(0.894, 0.871, 0.917, reference=0.921))
    assert (compared.start, compared.end) == ("0.86", "0.94")
    assert compared.value == pytest.approx(42.5)


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e-9, -3e8, 1e-300])
def test_equal_marks_still_have_an_axis(value):
    compared = compare(measurement(value, reference=value))
    assert compared.value == compared.reference
    assert 0 <= compared.value <= 100


@pytest.mark.parametrize(
    ("reference", "where"),
    [(0.5, "is below the interval"), (0.7, "is inside the interval"), (0.9, "is above the interval")],
)
def test_the_sentence_says_where_the_reference_lies(reference, where):
    assert compare(measurement(0.7, 0.6, 0.8, reference=reference)).sentence.endswith(where)
