"""How figures are told on every page, and that templates escape and miss nothing."""

from pathlib import Path

import jinja2
import pytest

from build_flows.pages import compare_page, evaluate_page, explore_page, html
from build_flows.pages import report as report_page
from tests.build_flows import compare_samples, evaluate_samples, explore_samples, report_samples


@pytest.mark.parametrize(("value", "told"), [
    (None, "-"), (0, "0"), (-0.0, "0"), (1234567, "1,234,567"), (131.0, "131"), (131.24, "131.2"), (9999.94, "9,999.9"),
    (10_000.4, "10,000"), (-10_000.6, "-10,001"), (762195.1, "762,195"),
])
def test_numbers(value: float | None, told: str) -> None:
    assert html.number(value) == told


@pytest.mark.parametrize(("value", "digits", "told"), [(None, 1, "-"), (0.0, 1, "0.0 %"), (0.97222, 2, "97.22 %"), (1.0909, 0, "109 %")])
def test_shares(value: float | None, digits: int, told: str) -> None:
    assert html.percent(value, digits) == told


@pytest.mark.parametrize(("value", "told"), [(None, "-"), (0, "0"), (0.5, "0.5"), (3.0, "3"), (9.96, "10.0"), (1234.4, "1,234")])
def test_costs(value: float | None, told: str) -> None:
    assert html.cost(value) == told


def test_times() -> None:
    assert (html.times(None), html.times(1.6615)) == ("-", "1.66")


def test_pages_have_the_filters_and_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "{{ a | number }} {{ b | percent(2) }} {{ c | times }} {{ d | cost }} {{ e }} {{ f }}\n"
    monkeypatch.setattr(jinja2, "PackageLoader", lambda package: jinja2.DictLoader({"x.html.j2": page}))
    text = html.render("x.html.j2", a=1200, b=0.5, c=2.0, d=0.5, e="<b>", f=html.markup("<i>"))
    assert text == "1,200 50.00 % 2.00 0.5 &lt;b&gt; <i>\n"
    with pytest.raises(jinja2.UndefinedError, match="'f' is undefined"):
        html.render("x.html.j2", a=1, b=1.0, c=1.0, d=1.0, e="")


PAGES = {
    "report": lambda: report_page.render(report_samples.sample_data()), "compare": lambda: compare_page.render(compare_samples.sample()),
    "evaluate": lambda: evaluate_page.render(evaluate_samples.sample(), evaluate_samples.IMAGES),
    "explore": lambda: explore_page.render(explore_samples.sample()),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_look_of_all_and_its_own_for_paper_behind_that_for_screens(name: str) -> None:
    text = PAGES[name]()
    base = (Path(html.__file__).parent / "templates" / "base.html.j2").read_text()
    style, paper = text[text.index("<style>") : text.index("</style>")].split("@media print {\n")
    for line in base[base.index("<style>") : base.index("{% block style %}")].splitlines():
        assert line in style, line
    # Rules of equal weight hold where they come last: those for paper must.
    assert "nav { display: none; }" in paper
    assert "main { max-width: none; padding: 0; }" in paper
    assert "main { max-width: 1" in style
    assert text.count("<style>") == text.count("<main>") == text.count("</html>") == 1
    assert text.endswith("</html>\n")
