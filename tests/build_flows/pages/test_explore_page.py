"""The page of an exploration: one file, every design, and a script that asks for nothing that is not there."""

import re
from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.explore import Cloud, Failed
from build_flows.pages import explore_page
from build_flows.pages.explore_figures import designs, verified
from build_flows.pages.explore_page import command, leaves, link, render
from build_flows.pages.html import number
from tests.build_flows.explore_samples import changed, counted, sample, unverified
from tests.build_flows.html_balance import Balance

pytestmark = pytest.mark.usefixtures("drawings")

SCRIPT = (Path(explore_page.__file__).parent / "templates" / "explore.js").read_text()


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample())


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str, drawings: dict[Any, bytes]) -> None:
    parser = Balance()
    parser.VOID = parser.VOID | {"input"}
    parser.feed(html)
    assert parser.open == []
    configs = {link(row.point) for row in designs(sample())}
    assert set(re.findall(r"""(?:src|href)\s*=\s*["']([^"'#][^"']*)""", html)) == configs
    assert "@import" not in html
    assert not re.search(r"url\(\s*(?!#)|fetch|XMLHttp", html[html.index("<style>") : html.index("</style>")] + SCRIPT)
    drawings.clear()
    assert html == render(sample())


def test_every_design_has_its_figures_its_configuration_and_its_command(html: str) -> None:
    for row in designs(sample()):
        line = html[html.index(f'<tr data-id="{row.id}"'):]
        line = line[: line.index("</tr>")]
        now, then = row.shown, row.point.predicted
        for told in (f"{now.lut:,}", f">{100 * now.accuracy:.2f} % (", f"{now.samples_per_second:,.0f}", f'href="{row.id}/config.toml"',
                     command(row.point)):
            assert told in line, told
        assert ("verified</span>" in line) is (row.point.measured is not None)
        assert (f"predicted {then.samples_per_second:,.0f}<" in line) is (row.point.measured is not None)
        assert (">predicted</td>" in line or ">predicted<small>" in line) is (row.point.measured is None)
    cards = re.findall(r'<article data-id="([^"]*)"( class="on")?>', html)
    assert [name for name, _ in cards] == [row.id for row in designs(sample())]
    assert sum(bool(on) for _, on in cards) == 1


def test_what_is_switched_is_shown_where_it_is_weighed(html: str) -> None:
    assert "switched" not in html
    found = counted(sample())
    made = render(found)
    parser = Balance()
    parser.VOID = parser.VOID | {"input"}
    parser.feed(made)
    assert parser.open == []
    for row in designs(found):
        line = made[made.index(f'<tr data-id="{row.id}"'):]
        line = line[: line.index("</tr>")]
        told = row.point.predicted.energy
        assert told is not None
        if row.point.measured is None:
            assert f">{number(told)}</td>" in line
        else:
            assert f">{number(1.1 * told)}<small>predicted {number(told)}</small></td>" in line
    assert made.count("<td>switched a sample, relative</td>") == len(designs(found))
    assert '<td class="n">-9.1 %</td></tr></tfoot>' in made
    assert "switched" not in render(found.replace(objectives=["accuracy", "lut"])), "which is predicted in any case"
    assert "The one that switches least a sample of the front" in made
    assert "9.1\u00a0% in what a sample switches" in made


def test_latency_is_told_with_its_percentile(html: str) -> None:
    assert "answered within" not in html
    found = sample()
    late = [item.replace(predicted=item.predicted.replace(latency_us=0.0213)) for item in found.front]
    made = render(found.replace(front=late))
    assert made.count("<td>99 % answered within, µs</td><td class=\"n\">0.0213</td>") == len(late)
    assert "<td>50 % answered within, µs</td>" in render(found.replace(front=late, must={"latency_percentile": 50.0}))


def test_what_the_filter_asks_for_is_in_every_row(html: str) -> None:
    asked = set(re.findall(r"row\.(\w+)", SCRIPT[SCRIPT.index("const tests") : SCRIPT.index("function filter")]))
    assert asked == {"exits", "accuracy", "rate", "lut", "policies", "verified"}
    rows = re.findall(r'<tr (data-id=[^>]*)>', html)
    assert len(rows) == len(designs(sample()))
    assert all(f"data-{key}=" in row for row in rows for key in asked)
    assert set(re.findall(r'name="(\w+)"', html[html.index('<form id="filter"') : html.index("</form>")])) == set(
        re.findall(r"^    (\w+): (?:\(row|row)", SCRIPT, re.MULTILINE)
    )


def test_what_the_script_looks_for_is_there(html: str) -> None:
    ids = set(re.findall(r'"#(\w+)', SCRIPT))
    assert ids == {"designs", "filter", "cards", "chart", "kept"}
    assert all(html.count(f'id="{name}"') == 1 for name in ids)
    for kind in ("design", "cloud"):
        assert f'class="{kind} ' in html
    table = html[html.index('<table id="designs">') :]
    head = table[: table.index("</thead>")]
    row = table[table.index("<tr data-id") :]
    row = row[: row.index("</tr>")]
    cells, columns = len(re.findall("<td[ >]", row)), len(re.findall("<th[ >]", head))
    assert cells == row.count("data-v=") == columns == head.count("aria-sort")


def test_without_the_script_all_is_readable(html: str) -> None:
    assert '<form id="filter" hidden>' in html
    assert "<tr hidden" not in html
    assert '<table id="designs">' in html.partition("<script>")[0]


def test_the_worst_errors_stand_last(html: str) -> None:
    table = html[html.index('id="errors"') :]
    assert len(re.findall("<tr><td>", table[: table.index("</tbody>")])) == len(verified(sample()))
    last = table[table.index("<tfoot>") : table.index("</tfoot>")]
    assert "<td>worst</td>" in last
    assert "24 of 24" in last
    name = verified(sample())[0].name
    errors = verified(sample())[0].errors
    assert errors is not None
    page = render(changed(sample(), name, errors=errors.replace(lut=-0.5, inside=False)))
    last = page[page.index("<tfoot>") : page.index("</tfoot>")]
    assert "-50.0 %" in last
    assert "23 of 24" in last
    assert '<span class="bad">no</span>' in page


def test_which_exits_pay(html: str) -> None:
    table = html[html.index('id="pays"') : html.index('id="errors"')]
    assert table.count('<span class="warn">no</span>') == 2
    assert table.count("<td>yes</td>") == 31


@pytest.mark.usefixtures("any_drawing")
def test_all_names_are_escaped() -> None:
    evil = "</script><i>\"'"
    first = sample().front[0].name
    found = changed(sample(), first, name=evil, config=f"{evil}/config.toml").replace(
        name=evil, source=evil, failed=[Failed(name=evil, error=evil)], objectives=[evil], must={evil: 1.0}, part=evil,
        pays=[item.replace(head=evil, point=evil) for item in sample().pays],
    )
    text = render(found)
    assert "<i>" not in text.replace('<i style="width', "")
    assert text.count("</script>") == 1


def test_a_link_leads_to_a_file_and_a_command_is_quoted() -> None:
    point = sample().front[0].replace(config="a b/javascript:x'/config.toml")
    assert link(point) == "a%20b/javascript%3Ax%27/config.toml"
    assert command(point) == """offramp run 'a b/javascript:x'"'"'/config.toml'"""


@pytest.mark.usefixtures("any_drawing")
def test_what_is_not_there_is_not_told() -> None:
    first = sample().front[0].name
    assert f"offramp run {first}/" not in render(changed(sample(), first, config=None))
    text = render(unverified(sample()).replace(pays=[]))
    for part in ("<tfoot>", 'id="pays"', 'id="errors"', "verified</span>", "Failed:", "href=\"#pays\""):
        assert part not in text, part
    nothing = Cloud(accuracy=[], samples_per_second=[], lut=[], exits=[])
    assert "0 of 0 designs" in render(sample().replace(front=[], alone=[], moved=[], pays=[], cloud=nothing))


@pytest.mark.usefixtures("any_drawing")
def test_a_verified_design_that_does_not_fit_is_red() -> None:
    (gone,) = sample().moved
    assert gone.measured is not None
    text = render(sample().replace(moved=[gone.replace(measured=gone.measured.replace(fits=False, dsp=240, short=["DSP: 240 of 220"]))]))
    assert '<small class="bad">does not fit: DSP: 240 of 220</small>' in text
    assert "width:100%;background:var(--bad)" in text


def test_when_samples_leave() -> None:
    item = next(row.exits[0] for row in sample().front if row.exits)
    assert leaves(item.replace(policy="softmax", threshold=0.85)) == "≥ 0.85"
    assert leaves(item.replace(policy="entropy", threshold=0.4213771)) == "≤ 0.4214"
    assert leaves(item.replace(threshold=None)) == "lets none go"
