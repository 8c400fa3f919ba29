"""Pictures of pages: what is missing is told, and what a browser draws is kept whole."""

import os
from pathlib import Path

import pytest

from benchmarks.pictures import draw, main
from build_flows.base.errors import OfframpError


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one ``chromium`` on PATH, which notes its options and draws the word ``drawn``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "chromium"
    file.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > ' + str(tmp_path / "options") + "\nfor word; do\n  case $word in\n"
                    "    --screenshot=*) printf drawn > ${word#--screenshot=};;\n  esac\ndone\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return file


@pytest.fixture
def page(tmp_path: Path) -> Path:
    found = tmp_path / "a page.html"
    found.write_text("<p>x</p>")
    return found


def test_the_top_of_a_page_is_kept(browser: Path, page: Path, tmp_path: Path) -> None:
    main([str(page), str(tmp_path / "page.png")])
    assert (tmp_path / "page.png").read_bytes() == b"drawn"
    options = (tmp_path / "options").read_text().splitlines()
    assert "--window-size=1180,1662" in options
    assert options[-1].endswith("/a%20page.html")


def test_what_is_missing_is_told(browser: Path, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "page.png"
    picture.write_bytes(b"old")
    with pytest.raises(OfframpError, match=r"x\.html: no such page"):
        draw(tmp_path / "x.html", picture)
    browser.write_text("#!/bin/sh\necho something is wrong >&2\nexit 0\n")
    with pytest.raises(OfframpError, match=r"drew no picture of .*: something is wrong"):
        draw(page, picture)
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SystemExit, match="none of chromium, chromium-browser, google-chrome is on PATH\n  hint: apt-get install chromium"):
        main([str(page), str(picture)])
    assert picture.read_bytes() == b"old"
