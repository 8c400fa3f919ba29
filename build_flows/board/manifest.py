"""The manifest ``NAME.json`` of a package: all that the board's driver has to know of an accelerator (docs/interfaces.md, Manifest)."""

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from build_flows.artefacts.manifest import (
    Dma,
    ImageRecord,
    ManifestExit,
    ManifestFile,
    Registers,
    ResultFieldRecord,
    ResultRecord,
    ScaleRecord,
)
from build_flows.base.errors import OfframpError
from build_flows.board.design import actual_clock, design_name
from build_flows.board.platforms import BoardPlatform
from hw.accelerator import build_id, counted_streams
from hw.control import register_map
from hw.exits.decision import ExitDecision
from hw.netlist import Exit, Netlist
from hw.zynq import dma_map
from hw.zynq.zynq_design import PAGES

__all__ = ["manifest", "threshold_range"]

_NO_THRESHOLD = ("always", "never")


def manifest(netlist: Netlist, board: BoardPlatform, files: Mapping[str, str], scale: ScaleRecord | None = None) -> ManifestFile:
    """What ``NAME.json`` holds for ``netlist`` on ``board``; ``files`` are the SHA-256 sums (hex) of .bit and, if any, .hwh by their names,
    ``scale`` is how sensor windows become integers.

    Raises :class:`OfframpError` when the netlist is made for another part than ``board``'s, or its clock cannot be had there.
    """
    if netlist.part != board.part:
        raise OfframpError(f"{board.name} has part {board.part}, but {netlist.name} is made for {netlist.part}",
                           hint=f'set target.board = "{board.name}" and compile again')
    entry, result = netlist.input, netlist.result
    words = -(-8 * entry.height * entry.width * entry.channels // entry.bus_bits)
    slowest = {stage.index: max((layer.cycles for layer in netlist.layers if layer.stage == stage.index), default=0)
               for stage in netlist.stages}
    return ManifestFile(
        name=netlist.name,
        offramp=metadata.version("offramp"),
        board=board.name,
        board_label=board.label,
        part=netlist.part,
        clock_mhz=actual_clock(netlist.clock_mhz),
        build=build_id(netlist),
        design=design_name(netlist),
        register_map=register_map.VERSION,
        files=dict(files),
        input=ImageRecord(
            height=entry.height, width=entry.width, channels=entry.channels, bits=entry.bits, signed=entry.signed,
            bus_bits=entry.bus_bits, words=words, scale=scale,
        ),
        result=ResultRecord(
            bits=result.bits,
            fields=[
                ResultFieldRecord(name=item.name, offset=item.offset, width=item.width, signed=item.signed) for item in result.fields
            ],
        ),
        order=netlist.order,
        anytime=netlist.anytime,
        classes=netlist.classes,
        max_in_flight=netlist.max_in_flight,
        # Every image comes in over the bus, a word a cycle.
        cycles_per_sample=float(max(words, *(stage.reach * slowest[stage.index] for stage in netlist.stages))),
        cycles_all_hard=max(words, *slowest.values()),
        streams=list(counted_streams(netlist)),
        gates=len(netlist.cuts),
        dma=Dma(**_page("dma"), register_map=dma_map.VERSION, length_bits=dma_map.LENGTH_BITS),
        accelerator=Registers(**_page("accelerator")),
        exits=[_exit(item, netlist.exchangeable) for item in netlist.exits],
    )


def _page(name: str) -> dict[str, int]:
    page = PAGES[name]
    return {"base": page.base, "range": 1 << page.addr_width}


def threshold_range(item: Exit, exchangeable: bool = False) -> tuple[int, int] | None:
    """Least and greatest integer that the thresholds of exit ``item`` tell apart, its classes' ones for ``class_threshold``; None when its
    policy compares with none. At one end no image leaves by the policy, at the other every one."""
    if item.policy in _NO_THRESHOLD:
        return None
    decision = ExitDecision(
        classes=item.classes, pe=item.pe, acc_bits=item.acc_bits, bias=item.bias, policy=item.policy, params=item.params,
        exchangeable=exchangeable)
    span: range = decision.score.value_range if item.policy == "class_threshold" else decision.threshold_range
    return span[0], span[-1]


def _exit(item: Exit, exchangeable: bool) -> ManifestExit:
    params = _scalars(item.params)
    scale = {"gate_scale": params.pop("gate_scale")} if "gate_scale" in params else {}
    if item.policy == "class_threshold":
        params |= {"score": item.params["score"], "thresholds": list(item.params["thresholds"]),
                   "score_params": _scalars(item.params.get("score_params", {}))}
    return ManifestExit(
        policy=item.policy, classes=item.classes, threshold=item.threshold, enabled=item.enabled, scale=item.scale,
        threshold_range=threshold_range(item, exchangeable), params=params, **scale,
    )


def _scalars(params: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers among a policy's constants; its tables are the hardware's own affair."""
    return {name: value for name, value in params.items() if isinstance(value, int | float)}
