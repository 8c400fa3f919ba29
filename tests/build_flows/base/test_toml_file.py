"""What a user hands in as TOML is read with a limit, and told in one line when it is none."""

import os
import threading
from pathlib import Path

import pytest

from build_flows.base import toml_file
from build_flows.base.errors import ConfigError
from build_flows.base.toml_file import LARGEST, parse_toml, read_toml_file


@pytest.mark.parametrize(("text", "message"), [
    ("[project\n", "x.toml: not valid TOML: "),
    ("a = " + "[" * 100_000, "x.toml: not valid TOML: nested too deeply"),
    ("a = " + "[" * 60 + "]" * 60, "x.toml: tables and arrays are nested deeper than 50"),
    (".".join("a" * 5000) + " = 1", "x.toml: tables and arrays are nested deeper than 50"),
    ("a = " + "1" * 5000, "x.toml: not valid TOML: "),
])
def test_what_is_no_configuration_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_toml(text, "x.toml")
    assert "\n" not in caught.value.message


def test_nesting_within_reason_is_read() -> None:
    assert parse_toml("a = [[1], {b = [2]}]", "x.toml") == {"a": [[1], {"b": [2]}]}


def test_files_that_cannot_be_text(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    for data, message in (
        (b"# " + b"x" * LARGEST, f"has more than {LARGEST} bytes: it is no configuration"),
        (b'a = "\xff"', r"not UTF-8 text \(invalid start byte at byte 5\)"),
    ):
        file.write_bytes(data)
        with pytest.raises(ConfigError, match=message):
            read_toml_file(file)
    with pytest.raises(ConfigError, match="x: no such file"):
        read_toml_file(tmp_path / "x")
    with pytest.raises(ConfigError, match="/dev/zero has more than"):
        read_toml_file(Path("/dev/zero"))


def test_a_mark_and_line_ends_of_other_systems_and_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    assert read_toml_file(tmp_path / "x.toml") == {"a": 1, "b": 2}
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("a = 3",))
    writer.start()
    assert read_toml_file(tmp_path / "pipe") == {"a": 3}
    writer.join()


def test_a_pipe_that_nobody_writes_into_is_told_and_a_slow_writer_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml_file, "PATIENCE", 0.05)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="pipe is a pipe that nobody writes into"):
        read_toml_file(pipe)
    # As of a shell's <(...): the writer has it open, and takes longer than that.
    reader, writer = os.pipe()
    late = threading.Timer(0.3, lambda: (os.write(writer, b"a = 4"), os.close(writer)))
    late.start()
    assert read_toml_file(Path(f"/dev/fd/{reader}")) == {"a": 4}
    late.join()
    os.close(reader)
