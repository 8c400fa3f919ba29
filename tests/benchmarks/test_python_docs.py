import offramp
from benchmarks.python_docs import ORDER, PAGE, text


def test_the_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "run `python -m benchmarks.python_docs`"


def test_every_public_name_is_on_it() -> None:
    assert sorted(ORDER) == sorted(offramp.__all__)
    assert "offramp.load(path: str | Path" in text()
    assert "**`.replace(*, exits" in text()
