import random

import pytest

from hw.layers.line_maximum import LineMaximum
from tests.hw.layers.pipelines import run


@pytest.mark.parametrize(("beats", "rows", "lanes", "bits", "signed"), [
    (1, 2, 1, 4, False), (2, 2, 3, 4, False), (5, 3, 2, 3, True), (3, 2, 1, 1, False), (4, 4, 2, 5, True),
])
@pytest.mark.parametrize("gaps", [0, 0.4])
def test_maximum_over_rows(beats, rows, lanes, bits, signed, gaps):
    rng = random.Random(4)
    line = LineMaximum(beats=beats, rows=rows, lanes=lanes, bits=bits, signed=signed)
    low = -(1 << (bits - 1)) if signed else 0
    drawn = [[rng.randrange(low, low + (1 << bits)) for _ in range(lanes)] for _ in range(beats * rows * 4)]

    def pack(values):
        return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))

    offered, given = [], iter(drawn)
    while len([row for row in offered if row[0]]) < len(drawn):
        offered.append((1, pack(next(given))) if rng.random() >= gaps else (0, rng.randrange(1 << (lanes * bits))))
    seen = run(line, [line.valid, line.values], [line.o_valid, line.o_values], [*offered, (0, 0)])
    expected = [pack([max(drawn[(group * rows + row) * beats + beat][lane] for row in range(rows)) for lane in range(lanes)])
                for group in range(4) for beat in range(beats)]
    assert [value for valid, value in seen if valid] == expected
    # A cycle behind the beat that completes it.
    taken = [cycle for cycle, row in enumerate(offered) if row[0]]
    assert [cycle for cycle, (valid, _) in enumerate(seen) if valid] == [
        taken[(group * rows + rows - 1) * beats + beat] + 1 for group in range(4) for beat in range(beats)]


@pytest.mark.parametrize(("change", "message"), [
    ({"beats": 0}, "beats must be at least 1, not 0"), ({"rows": 1}, "rows must be at least 2, not 1"),
    ({"lanes": 0}, "lanes must be at least 1, not 0"), ({"bits": 0}, "bits must be at least 1, not 0"),
])
def test_errors(change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        LineMaximum(**{"beats": 4, "rows": 2, "lanes": 2, "bits": 4} | change)
