import pytest

from build_flows.planning.memory_map import Placed, place, place_table


@pytest.mark.parametrize(
    ("words", "bits", "shared", "style", "lutram", "bram18"),
    [
        (5, 360, True, "auto", 180, 0),
        (25, 800, True, "auto", 400, 0),
        (10, 504, True, "auto", 252, 0),
        (1280, 24, True, "auto", 0, 3),
        (3600, 8, True, "auto", 0, 2),
        (600, 5, True, "auto", 50, 0),
        (80, 3, True, "auto", 6, 0),
        (40, 3, True, "auto", 3, 0),
        (300, 20, True, "auto", 0, 1),
        (300, 36, True, "block", 0, 1),
        (8, 200, False, "auto", 136, 0),
        (1024, 4, False, "auto", 0, 1),
        (69, 40, False, "distributed", 84, 0),
        (31, 8, False, "distributed", 8, 0),
        (19, 20, False, "distributed", 16, 0),
    ],
)
def test_memories_are_where_yosys_put_them(words, bits, shared, style, lutram, bram18):
    """Figures of Yosys 0.70: weight memories (one address), replay buffers and sliding windows (two)."""
    placed = place(words, bits, shared=shared, style=style)
    assert (placed.lutram, placed.bram18) == (lutram, bram18)
    assert placed.style == ("block" if bram18 else "distributed")


def test_bits_that_nobody_reads_are_left_out_where_a_bit_is_a_cell():
    """Weights of 3 bits, 360 words, as whole bytes: 9 cells of 2 LUTs; in groups of 32 words the unused bits stay."""
    assert place(360, 8, used=3, shared=True).lutram == 18
    assert place(20, 24, used=20, shared=True).lutram == 12


@pytest.mark.parametrize(("words", "bits", "used", "bram18"), [
    (7200, 8, 4, 2), (16000, 8, 4, 4), (15000, 8, 2, 2), (15900, 16, 10, 10), (3600, 8, 4, 2), (10240, 40, 36, 25), (24000, 8, 4, 12),
    (24000, 16, 12, 24), (800, 40, 36, 2), (2000, 24, 18, 2), (500, 80, 72, 2), (1500, 40, 36, 4), (700, 80, 72, 4),
])
def test_blocks_that_hold_only_bits_that_nobody_reads_are_left_out(words, bits, used, bram18):
    """Figures of Yosys 0.70."""
    assert place(words, bits, used=used, shared=True, style="block").bram18 == bram18


def test_a_memory_of_one_word_is_a_register():
    assert place(1, 12) == Placed("registers", registers=12)


def test_a_tiny_memory_is_cheaper_in_registers():
    assert place(2, 1).style == "registers"
    assert place(2, 1, style="distributed").style == "distributed"


def test_tables_are_logic_until_a_block_is_cheaper():
    """Thresholds of 15 bits as Yosys placed them: 800 and 1024 words in half a block, 1600 in two halves."""
    assert place_table(512, 15) == Placed("logic", banks=512)
    assert [place_table(words, 15).bram18 for words in (800, 1024, 1600)] == [1, 1, 2]


def test_an_unknown_style_is_told():
    with pytest.raises(ValueError, match="style must be one of auto, block, distributed, not 'ultra'"):
        place(16, 4, style="ultra")
