"""HTML whose tags are balanced."""

import re
from html.parser import HTMLParser
from typing import Any


class Balance(HTMLParser):
    """Raises on a tag that is not closed, or closed twice."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


def stands_alone(html: str, places: str = "#") -> None:
    """Fails for a page that is not well-formed, runs a script, or needs another file: what it refers to begins as ``places``, an
    expression, says."""
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert not re.search(rf"""(src|href)\s*=\s*["'](?!{places})""", html)
    assert "<script" not in html
    assert "@import" not in html
