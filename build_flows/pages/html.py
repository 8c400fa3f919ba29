"""What the pages have in common: the templates' environment, and how figures are told."""

from typing import TYPE_CHECKING, Any

from build_flows.base.interval import wilson

if TYPE_CHECKING:
    from build_flows.artefacts.compare import Change

__all__ = ["cost", "gain_told", "markup", "number", "percent", "render", "share_told", "times"]

__sources__ = ("templates/base.html.j2",)


def render(template: str, **values: object) -> str:
    """The ``template`` of :mod:`build_flows.pages` with ``values``, which it escapes; one that it names and is not given is an error.
    The same values give the same bytes."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("build_flows.pages"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "number": number, "times": times, "cost": cost}
    return environment.get_template(template).render(**values)


def markup(text: str) -> Any:
    """``text``, markup of our own, which no template escapes."""
    from markupsafe import Markup

    return Markup(text)


def percent(value: float | None, digits: int = 1) -> str:
    """The share ``value`` (1: all) in percent; a dash for none."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def share_told(value: float | None, count: int) -> str:
    """The share ``value`` of ``count`` samples with its 95 % interval; a dash for none."""
    if value is None:
        return "-"
    low, high = wilson(value, count)
    return f"{percent(value, 2)} ({100 * low:.1f} to {100 * high:.1f})"


def gain_told(gain: "Change") -> str:
    """A difference of accuracies in words; one inside its interval is called no better and no worse."""
    points = round(100 * gain.difference, 2)
    told = f"95 % interval {100 * gain.low:+.2f} to {100 * gain.high:+.2f} points"
    if not gain.certain:
        return f"in accuracy not told apart from it ({points + 0.0:+.2f} points, {told})"
    return f"with {abs(points):.2f} points {'more' if points > 0 else 'less'} accuracy ({told})"


def number(value: float | None) -> str:
    """``value`` with one decimal where that is part of its first five digits or so; a dash for none."""
    if value is None:
        return "-"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) < 10_000 else f"{value:,.0f}"


def times(value: float | None) -> str:
    """So many times; a dash for none."""
    return "-" if value is None else f"{value:.2f}"


def cost(value: float | None) -> str:
    """A predicted cost: whole, or one decimal where that is much of it (half a block RAM); a dash for none."""
    if not value:
        return "-" if value is None else "0"
    return f"{value:,.1f}" if value < 10 and not float(value).is_integer() else f"{value:,.0f}"
