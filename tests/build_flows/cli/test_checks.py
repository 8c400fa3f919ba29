"""The diagnosis sees what is there, and says how to get what is not."""

from pathlib import Path

import pytest

from build_flows.cli import checks as doctor


def found(folder: Path) -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.checks(folder)}


def test_this_environment_is_whole(tmp_path: Path) -> None:
    bad = [check for check in doctor.checks(tmp_path) if check.required and not check.ok]
    assert bad == []


def test_a_missing_compiler_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = found(tmp_path)["g++"]
    assert not check.ok
    assert check.required
    assert check.hint == "apt-get install g++"


def test_a_python_without_a_shared_library_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("find_libpython.find_libpython", lambda: None)
    check = found(tmp_path)["libpython"]
    assert (check.ok, check.required, check.hint) == (False, True, "apt-get install libpython3-dev")


def test_a_missing_distribution_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.DISTRIBUTIONS, "no-such-distribution", "nothing")
    check = found(tmp_path)["no-such-distribution"]
    assert (check.ok, check.found, check.hint) == (False, "", "run `make setup`")


def test_a_verilator_too_old_for_cocotb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "verilator"
    old.write_text("#!/bin/sh\necho 'Verilator 5.006 2023-01-22 rev (Debian 5.006-3)'\n")
    old.chmod(0o755)
    monkeypatch.setattr(doctor, "verilator_root", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    check = found(tmp_path)["verilator"]
    assert not check.ok
    assert check.found == "Verilator 5.006 2023-01-22"
    assert "5.036 or newer" in check.hint


def test_a_missing_data_set_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FASHION", tmp_path / "none")
    check = found(tmp_path)["fashion-mnist"]
    assert not check.ok
    assert not check.required


def test_what_the_open_flow_needs_is_named_with_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "CHIPDB_DIR", "PRJXRAY_DB_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    told = found(tmp_path)
    for name in ("yosys", "nextpnr-xilinx", "fpga-as", "chip database", "Project X-Ray's database"):
        assert (told[name].ok, told[name].required, told[name].purpose) == (False, False, "offramp build --flow open")
        assert "https://github.com/" in told[name].hint or "openXC7" in told[name].hint
    assert "--plan" in told["vivado"].hint


def test_a_folder_that_does_not_exist_yet_is_looked_at(tmp_path: Path) -> None:
    assert found(tmp_path / "new" / "deep")["write access"].found == str(tmp_path)
