"""How a layer is folded, in words: what its multipliers are, and what it does at once."""

from hw.netlist import Layer

__all__ = ["folding_words", "short_folding_words"]


def folding_words(layer: Layer) -> str:
    """What the report's table tells of the folding of ``layer``."""
    folding, kind = layer.folding, _kind(layer)
    if kind == "StaticConv":
        return f"constant weights, {_count(folding['pixels'], 'pixel')} a beat"
    if kind == "PixelPool":
        return f"{_count(folding['pixels'], 'pixel')} a beat"
    if kind == "SharedConv":
        chains = "counts bits" if folding.get("binary") else "multipliers in look-up tables" if folding.get("lut") else "DSP chains"
        at_once = ", ".join(_count(folding[key + "s"], key) for key in ("pixel", "input", "output"))
        return f"{chains}, {at_once} a cycle, {_count(folding['lanes'], 'lane')}"
    told = sorted((key, value) for key, value in folding.items() if key != "parallel_window" or value)
    return ", ".join("parallel window" if key == "parallel_window" else f"{key.upper()} {value}" for key, value in told)


def short_folding_words(layer: Layer) -> str:
    """The same, as short as the report's drawing needs it: of a shared layer the products a cycle."""
    folding, kind = layer.folding, _kind(layer)
    if kind == "StaticConv":
        return f"constant, {_count(folding['pixels'], 'pixel')}"
    if kind == "PixelPool":
        return _count(folding["pixels"], "pixel")
    if kind == "SharedConv":
        products = folding["pixels"] * folding["inputs"] * folding["outputs"]
        return f"{'bits' if folding.get('binary') else 'LUTs' if folding.get('lut') else 'DSPs'}, {_count(products, 'product')}"
    return " ".join(f"{key.upper()} {folding[key]}" for key in ("pe", "simd") if key in folding)


def _kind(layer: Layer) -> str:
    return layer.op.removesuffix("_rtl")


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
