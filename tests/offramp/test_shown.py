from offramp.shown import Shown, Table, count, percent


class Some(Shown):
    def tables(self) -> list[Table]:
        return [Table("first", ("name", "value"), [("a <b>", "1,000"), ("c", "20")]), Table("second", ("", ""), [("x", "y")])]


def test_tables_in_text_are_aligned() -> None:
    assert repr(Some()) == "first\nname   value\na <b>  1,000\nc         20\n\nsecond\nx  y"


def test_tables_in_html_are_escaped() -> None:
    shown = Some()._repr_html_()
    assert shown.count("<table>") == shown.count("</table>") == 2
    assert "a &lt;b&gt;" in shown
    assert "<b>" not in shown
    assert ">first</caption>" in shown
    assert "<th" not in shown.split("second")[1]


def test_numbers() -> None:
    assert [percent(0.12345), percent(0.5, 1), percent(None)] == ["12.35 %", "50.0 %", "-"]
    assert [count(12345.6), count(123.45), count(1234567), count(None)] == ["12,346", "123.5", "1,234,567", "-"]


def test_what_is_wrong_stands_below_the_title_and_is_red() -> None:
    class Wrong(Shown):
        def tables(self) -> list[Table]:
            return [Table("first", ("", ""), [("x", "y")], "cannot be built: <b>")]

    assert repr(Wrong()) == "first\ncannot be built: <b>\nx  y"
    assert '<div style="color:#b3261e">cannot be built: &lt;b&gt;</div></caption>' in Wrong()._repr_html_()
    assert "#b3261e" not in Some()._repr_html_()
