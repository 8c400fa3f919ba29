"""Where the fields of a result word stand."""

from amaranth.utils import ceil_log2

from hw.netlist import NetlistError, Result, ResultField

__all__ = ["result_word"]

ID_BITS = {64: 16, 32: 8}
CONFIDENCE_BITS = 16
CYCLES_BITS = 24


def result_word(*, bits: int, classes: int, exits: int, max_in_flight: int, anytime: bool = False) -> Result:
    """The layout of a ``bits`` (32 or 64) wide result: ``id``, ``label``, ``exit``, ``confidence`` from bit 0 up, and ``cycles``
    above them in a 64-bit word (a 32-bit word has no room for it). With ``anytime`` the highest bit is ``final``.

    ``id`` has at least 16 bits (8 in a 32-bit word) and always enough to tell apart what is in flight; ``confidence`` 16, or what is left;
    ``cycles`` 24, or what is left. Raises :class:`hw.netlist.NetlistError` when a word is too narrow for a confidence of 4 bits.
    """
    if bits not in ID_BITS:
        raise NetlistError(f"a result word has 32 or 64 bits, not {bits}")
    ids = max(ID_BITS[bits], ceil_log2(max_in_flight))
    label, which = max(1, ceil_log2(classes)), max(1, ceil_log2(exits))
    room = bits - ids - label - which - anytime
    confidence = min(CONFIDENCE_BITS, room)
    if confidence < 4:
        raise NetlistError(f"a result of {bits} bits is too narrow for classes={classes}, exits={exits}, max_in_flight={max_in_flight}")
    cycles = min(CYCLES_BITS, room - confidence) if bits == 64 else 0
    fields, offset = [], 0
    for name, width in (("id", ids), ("label", label), ("exit", which), ("confidence", confidence), ("cycles", cycles)):
        if width:
            fields.append(ResultField(name=name, offset=offset, width=width, signed=name == "confidence"))
        offset += width
    if anytime:
        fields.append(ResultField(name="final", offset=bits - 1, width=1))
    return Result(bits=bits, fields=tuple(fields))
