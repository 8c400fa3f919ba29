"""A hardware hand-off file (.hwh): what it says of a design, as far as a package depends on it.

The file is XML without a published definition; the elements read here are those that PYNQ's parsers read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from build_flows.base.errors import OfframpError

__all__ = ["Hwh", "HwhError", "read_hwh"]


class HwhError(OfframpError):
    """A file that is no hardware hand-off file of a whole design."""


@dataclass(frozen=True, kw_only=True)
class Hwh:
    """``name`` of the design; ``part`` with package and speed grade (``xc7z020clg400-1``); the ``version`` of what wrote it; by instance
    its ``kinds`` (``accelerator``) and ``parameters``; ``ranges``, what the processing system sees: (first address, bytes) by instance."""

    name: str
    part: str
    version: str
    kinds: Mapping[str, str]
    parameters: Mapping[str, Mapping[str, str]]
    ranges: Mapping[str, tuple[int, int]]

    @property
    def clock(self) -> str:
        """The clock in MHz that FCLK0 gets, as the file has it; empty where it has none."""
        return next((found["PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ"] for found in self.parameters.values()
                     if "PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ" in found), "")


def read_hwh(path: Path) -> Hwh:
    """What the .hwh file ``path`` says. Raises :class:`HwhError` when it is missing, no XML, or not that of a whole design."""
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise HwhError(f"{path}: {error.strerror or error}") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise HwhError(f"{path} is no .hwh file: {error}") from None
    info = root.find("SYSTEMINFO")
    modules = {module.get("INSTANCE", ""): module for module in root.iter("MODULE")}
    systems = [module for module in modules.values() if module.get("MODTYPE") == "processing_system7"]
    if root.tag != "EDKSYSTEM" or info is None or len(systems) != 1:
        raise HwhError(f"{path} is no .hwh file of a design with one processing system7",
                       hint="`offramp build` writes it beside the bitstream")
    return Hwh(
        name=info.get("NAME", ""), part=f"xc{info.get('DEVICE', '')}{info.get('PACKAGE', '')}{info.get('SPEEDGRADE', '')}",
        version=root.get("VIVADOVERSION", ""), kinds={name: module.get("MODTYPE", "") for name, module in modules.items()},
        parameters={name: _parameters(module) for name, module in modules.items()},
        ranges=dict(_range(item, path) for item in systems[0].iter("MEMRANGE")),
    )


def _parameters(module: Element) -> dict[str, str]:
    return {item.get("NAME", ""): item.get("VALUE", "") for item in module.findall("PARAMETERS/PARAMETER")}


def _range(item: Element, path: Path) -> tuple[str, tuple[int, int]]:
    texts = [item.get(key, "") for key in ("BASEVALUE", "HIGHVALUE")]
    try:
        base, high = (int(text, 16) for text in texts)
    except ValueError:
        raise HwhError(f"{path}: {item.get('INSTANCE')} has the address range {' to '.join(texts)}") from None
    return item.get("INSTANCE", ""), (base, high - base + 1)
