"""The sums of `make bench`, without any load."""

import pytest

from bench.goods import _nouns
from bench.pages import next_page
from bench.table import AT_LEAST, Figure, Yardstick, absent, cpu, growth, is_missed, lines, percentile, rate

pytestmark = pytest.mark.pure

HELLO = Yardstick(cpu_ms=0.2, rps=2700)


def test_cpu_is_judged_as_a_multiple_of_hello_world():
    met, missed = cpu("home", 0.119, HELLO, 0.6), cpu("home", 0.121, HELLO, 0.6)

    assert (met.verdict, missed.verdict) == ("met", "missed")
    assert met.ratio == pytest.approx(0.595)
    assert met.target == pytest.approx(0.12)


def test_requests_are_wanted_as_a_share_of_hello_world_or_as_on_a_machine_twice_as_fast():
    share = rate("home", 3510, HELLO, 1.3, of_hello=True)
    number = rate("cart", 324, HELLO, 650)

    assert (share.verdict, share.ratio) == ("met", 1.3)
    assert (number.target, number.verdict) == (325, "missed")


def test_what_could_not_be_measured_is_missed_and_what_has_no_target_is_not_judged():
    assert absent("304", HELLO, 1.1, "no ETag").verdict == "missed"
    assert Figure("hello", 0.2, "ms").verdict == ""
    assert Figure("units", 0, "units", 0).verdict == "met"
    assert Figure("orders", 299, "orders", 300, AT_LEAST).verdict == "missed"
    assert is_missed([Figure("a", 1, "ms", 2), Figure("b", 3, "ms", 2)])
    assert not is_missed([Figure("a", 1, "ms", 2), Figure("b", 3, "ms")])


def test_growth_compares_cpu_with_the_smaller_catalogue():
    small = [cpu("search", 1.0, HELLO, 9), cpu("home", 0.1, HELLO, 0.6), rate("home", 1, HELLO, 1)]
    large = [cpu("search", 1.6, HELLO, 9), cpu("home", 0.15, HELLO, 0.6), rate("home", 1, HELLO, 1)]

    found = growth(small, large, "100,000 against 1,000 products")

    assert [(it.name.split(":")[0], round(it.value, 3), it.verdict) for it in found] == [
        ("search", 1.6, "missed"),
        ("home", 1.5, "met"),
    ]


def test_the_table_has_a_line_for_each_figure():
    table = lines([cpu("home", 0.1, HELLO, 0.6), absent("304", HELLO, 1.1, "the home page has no ETag")])

    assert [" ".join(line.split()) for line in table] == [
        "figure measured target of hello",
        "home: CPU 0.10 ms ≤ 0.12 0.50 met",
        "304: CPU none ≤ 0.22 missed the home page has no ETag",
    ]


def test_percentiles_are_values_that_were_measured():
    assert [percentile(range(1, 101), percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7], 95) == 7
    with pytest.raises(ValueError, match="No values"):
        percentile([], 95)


def test_load_more_is_followed_as_the_page_writes_it():
    assert next_page('<a class="btn line" id="load-more" href="/c/home-2?page=2&amp;sort=newest" rel="next">') == (
        "/c/home-2?page=2&sort=newest"
    )
    assert next_page("<p>That is all.</p>") is None


def test_words_are_those_of_the_synthetic_catalogue():
    assert {"jacket", "watering can"} <= set(_nouns())
