"""The golden model of ``tests/toy.py``'s accelerators, as the files that calibration and export leave."""

import json
from pathlib import Path

import numpy as np

from hw.netlist import Netlist


def write_golden(folder: Path, netlist: Netlist) -> tuple[Path, Path]:
    """``golden.npz`` and ``exits.json`` of a toy in ``folder``: max pooling, then every head sums each channel."""
    shape, classes = netlist.input, netlist.classes
    pixels = (shape.height // 2) * (shape.width // 2)
    arrays = {"sum": np.tile(np.eye(classes, dtype=np.int8), (1, pixels))}
    heads = []
    for item in netlist.exits:
        arrays[f"bias{item.index}"] = np.array(item.bias, np.int64)
        heads.append({"layers": [{"name": f"head{item.index}_sum0", "kind": "linear", "weight": "sum", "weight_bits": 2, "in_bits": 8,
                                  "in_signed": False, "bias": f"bias{item.index}", "scale": item.scale}]})
    stages: list[dict] = [{"layers": []} for _ in netlist.exits]
    stages[0]["layers"] = [{"name": "stage0_pool0", "kind": "maxpool", "kernel": 2, "stride": 2}]
    meta = {"version": 1, "name": netlist.name, "classes": classes, "stages": stages, "heads": heads,
            "input": {"height": shape.height, "width": shape.width, "channels": shape.channels, "bits": 8, "signed": False}}
    golden, exits = folder / "golden.npz", folder / "exits.json"
    np.savez(golden, meta=np.array(json.dumps(meta)), **arrays)
    told = [{"index": item.index, "policy": item.policy, "threshold": item.threshold, "enabled": item.enabled, "scale": item.scale,
             "params": item.params} for item in netlist.exits]
    exits.write_text(json.dumps({"version": 1, "exits": told}))
    return golden, exits


def write_filelist(rtl: Path) -> None:
    """``filelist.f`` of a toy's ``rtl`` folder."""
    (rtl / "filelist.f").write_text("".join(f"{path.name}\n" for path in sorted(rtl.glob("*.v"))))
