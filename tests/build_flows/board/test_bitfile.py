from pathlib import Path

import pytest

from build_flows.board.bitfile import BitError, BitHeader, bit_header, bit_part, read_bit_header

# As Vivado 2022.1 writes it, byte by byte (UG470 tells of the data behind it).
WRITTEN = bytes.fromhex(
    "0009 0ff00ff00ff00ff000 0001"
    "61 002e 626173655f777261707065723b5573657249443d305846464646464646463b56657273696f6e3d323032322e3100"
    "62 000c 377a303230636c6734303000"
    "63 000b 323032322f31302f323200"
    "64 0009 30323a31363a353000"
    "65 00000004"
) + b"\xff" * 4


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "some.bit"
    path.write_bytes(content)
    return path


def test_header_as_vivado_writes_it(tmp_path: Path) -> None:
    assert read_bit_header(_file(tmp_path, WRITTEN)) == BitHeader(
        design="base_wrapper", part="7z020clg400", date="2022/10/22", time="02:16:50", user_id=0xFFFF_FFFF, version="2022.1", length=4)


def test_written_header_is_vivados() -> None:
    design = "base_wrapper;UserID=0XFFFFFFFF;Version=2022.1"
    written = bit_header(design=design, part=bit_part("xc7z020clg400-1"), date="2022/10/22", time="02:16:50", length=4)
    assert written + b"\xff" * 4 == WRITTEN


@pytest.mark.parametrize(("design", "user", "version"), [
    ("top", None, None),
    ("top;COMPRESS=TRUE;UserID=0X0000001F;Version=2024.2", 0x1F, "2024.2"),
    ("top;UserID=unset;Version=2024.2", None, "2024.2"),
])
def test_what_follows_the_name(tmp_path: Path, design: str, user: int | None, version: str | None) -> None:
    header = read_bit_header(_file(tmp_path, bit_header(design=design, part="7z020clg400", date="d", time="t", length=0)))
    assert (header.design, header.user_id, header.version) == ("top", user, version)


@pytest.mark.parametrize("length", range(len(WRITTEN)))
def test_cut_anywhere_is_told(tmp_path: Path, length: int) -> None:
    with pytest.raises(BitError, match=r"some\.bit"):
        read_bit_header(_file(tmp_path, WRITTEN[:length]))


@pytest.mark.parametrize(("content", "message"), [
    (WRITTEN + b"\0", "must hold 4 bytes of configuration data, not 5"),
    (b"\xff" * 64, "is no .bit file"),
    (WRITTEN.replace(b"b\x00\x0c", b"q\x00\x0c"), "unknown field 'q' of 12 bytes"),
    (WRITTEN.replace(b"b\x00\x0c", b"b\x7f\x0c"), "unknown field 'b' of 32524 bytes"),
    (bit_header(design="a", part="b", date="c", time="d", length=0).replace(b"c\0\x02c\0d\0\x02d\0", b""), "lacks date, time"),
])
def test_other_files_are_told(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BitError, match=message):
        read_bit_header(_file(tmp_path, content))


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BitError, match=r"none\.bit: No such file"):
        read_bit_header(tmp_path / "none.bit")
