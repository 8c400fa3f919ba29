"""A drawing of the accelerator: stages in a row, heads and decisions below, gates between, as inline SVG in the page's colours."""

from collections.abc import Sequence
from html import escape

from build_flows.pages.folding_words import short_folding_words
from hw.netlist import Netlist

__all__ = ["diagram"]

LEFT, WIDTH, STEP = 84, 225, 336
COMPUTE = ("MVAU", "VVAU", "StaticConv", "SharedConv", "MaxPool", "PixelPool", "GlobalAccPool", "StreamAdd", "Upsample")


def diagram(netlist: Netlist, leave: Sequence[float], intervals: Sequence[int] | None = None) -> str:
    """The network in ``netlist``; ``leave`` is the share of samples measured to leave at each exit,
    ``intervals`` the cycles that a frame was measured to take each stage."""
    stages, entry = len(netlist.stages), netlist.input
    parts = [_arrow(6, 45, LEFT, 45), f'<text x="6" y="35" class="small">{entry.height}x{entry.width}x{entry.channels}</text>']
    depth = max(len(_layers(netlist, k, False)) for k in range(stages))
    box, head_y = 68 + 16 * depth, 68 + 16 * depth + 64
    head_box = 30 + 16 * max(len(_layers(netlist, k, True)) for k in range(stages))
    bottom = head_y + head_box
    for k in range(stages):
        x = LEFT + k * STEP
        planned = netlist.stages[k]
        told = [f"built for {100 * planned.reach:.0f} % of samples", f"may take {planned.target_cycles:,} cycles a frame"]
        if intervals is not None:
            told[1] = f"{intervals[k]:,} cycles a frame (of {planned.target_cycles:,})"
        parts.append(_box(x, 20, box, f"stage {k}", _layers(netlist, k, False), "stage", told))
        parts.append(_box(x, head_y, head_box, f"head {k}", _layers(netlist, k, True), "head", ()))
        parts.append(_arrow(x + WIDTH / 2, 20 + box, x + WIDTH / 2, head_y))
        item = netlist.exits[k]
        label = f"{item.policy}" + (f" {item.threshold}" if item.policy not in ("always", "never") else "")
        parts.append(_arrow(x + WIDTH / 2, bottom, x + WIDTH / 2, bottom + 46))
        parts.append(f'<text x="{x + WIDTH / 2 + 10}" y="{bottom + 19}">exit {k}: {escape(label)}</text>')
        parts.append(f'<text x="{x + WIDTH / 2 + 10}" y="{bottom + 36}" class="small">{100 * leave[k]:.1f} % of all leave</text>')
    for gate, *others in netlist.cuts:
        x = LEFT + gate.exit * STEP + WIDTH
        parts.append(_arrow(x, 45, x + STEP - WIDTH, 45))
        parts.append(f'<rect x="{x + 14}" y="29" width="{STEP - WIDTH - 30}" height="32" rx="6" class="gate"/>')
        middle = x + (STEP - WIDTH) / 2 - 1
        parts.append(f'<text x="{middle}" y="43" class="small middle">{_gate(1 + len(others))}</text>')
        parts.append(f'<text x="{middle}" y="56" class="small middle">{gate.frames} frames</text>')
        parts.append(f'<text x="{middle}" y="76" class="small middle">{100 * sum(leave[gate.exit + 1 :]):.1f} % go on</text>')
    width = LEFT + (stages - 1) * STEP + WIDTH + 110
    merge = bottom + 46
    parts.append(f'<rect x="{LEFT}" y="{merge}" width="{(stages - 1) * STEP + WIDTH}" height="30" rx="6" class="gate"/>')
    order = "as they come" if netlist.order == "arrival" else "in input order"
    parts.append(f'<text x="{LEFT + ((stages - 1) * STEP + WIDTH) / 2}" y="{merge + 20}" class="middle">merge: results {order}</text>')
    parts.append(_arrow(LEFT + (stages - 1) * STEP + WIDTH, merge + 15, width - 6, merge + 15))
    parts.append(f'<text x="{width - 6}" y="{merge + 8}" class="small end">{netlist.result.bits}-bit results</text>')
    head = '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    head += '<path d="M0 0 8 4 0 8z" class="tip"/></marker></defs>'
    return f'<svg class="diagram" role="img" style="max-width:{width}px" viewBox="0 0 {width} {merge + 40}">{head}{"".join(parts)}</svg>'


def _gate(tensors: int) -> str:
    return "gate" if tensors == 1 else f"gate of {tensors}"


def _layers(netlist: Netlist, stage: int, head: bool) -> list[str]:
    """The layers that compute, with their folding (all others are told in the table)."""
    found = [layer for layer in netlist.layers if layer.stage == stage and layer.head is head]
    shown = [layer for layer in found if layer.op.startswith(COMPUTE)] or found
    told = [(layer.name.removesuffix("_mvau"), short_folding_words(layer)) for layer in shown]
    return [f"{name} \u00b7 {folding}" if folding else name for name, folding in told]


def _box(x: float, y: float, height: float, title: str, lines: Sequence[str], kind: str, told: Sequence[str]) -> str:
    """A box with its title, what is told about it, and its layers."""
    rows = [f'<text x="{x + 12}" y="{y + 36 + 16 * i}">{escape(line)}</text>' for i, line in enumerate(told)]
    first = y + 36 + 16 * len(told) + (6 if told else 0)
    rows += [f'<text x="{x + 12}" y="{first + 16 * i}" class="small">{escape(line)}</text>' for i, line in enumerate(lines)]
    return (
        f'<g><rect x="{x}" y="{y}" width="{WIDTH}" height="{height}" rx="8" class="{kind}"/>'
        f'<text x="{x + 12}" y="{y + 19}" class="strong">{escape(title)}</text>{"".join(rows)}</g>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1} {y1} L{x2} {y2}" class="wire" marker-end="url(#tip)"/>'
