"""Plans as files: the same bytes for the same contents, nothing outside their folder, and a build that says why it failed."""

import io
import stat
import zipfile

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.plan_file import LOG, PlanFile, pack

FACTS = {"name": "net", "board": "pynq-z2"}


def script(text):
    return PlanFile(pack({"build_net.sh": f"#!/bin/sh\n{text}\n".encode(), "a/b.txt": b"x"}, FACTS))


def test_the_same_bytes():
    files = {"build_net.sh": b"1", "b": b"2", "a/c": b"3"}
    data = pack(files, FACTS)
    assert pack(dict(reversed(files.items())), dict(reversed(FACTS.items()))) == data
    assert pack({**files, "b": b"4"}, FACTS) != data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a/c", "b", "build_net.sh", "plan.json"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a\\b", "c:x", "a/", ""])
def test_nothing_leads_out(name):
    with pytest.raises(ValueError, match="leads out of the plan"):
        pack({name: b""}, FACTS)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name or "./"), "")
        archive.writestr("plan.json", '{"name": "net"}')
        archive.writestr("build_net.sh", "")
    if name not in ("a/", ""):
        with pytest.raises(OfframpError, match="leads out of the plan"):
            PlanFile(stream.getvalue())


def test_the_facts_have_a_name_of_their_own():
    with pytest.raises(ValueError, match=r"plan\.json is the plan's own"):
        pack({"plan.json": b""}, FACTS)


@pytest.mark.parametrize("data", [
    b"", b"PK", pack({}, FACTS), pack({"build_net.sh": b""}, {}), pack({"build_net.sh": b""}, {"name": "top"})])
def test_no_plan(data):
    with pytest.raises(OfframpError, match="this is no build plan"):
        PlanFile(data)


def test_what_it_says(tmp_path):
    plan = script("true")
    assert (plan.facts, plan.script, plan.bitstream) == (FACTS, "build_net.sh", "net.bit")
    plan.write(tmp_path / "plan.zip")
    assert PlanFile((tmp_path / "plan.zip").read_bytes()) == plan


def test_unpacked(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine").write_text("mine")
    script("true").unpack(tmp_path / "work")
    assert (tmp_path / "work" / "a" / "b.txt").read_text() == "x"
    assert (tmp_path / "work" / "mine").read_text() == "mine"
    assert stat.S_IMODE((tmp_path / "work" / "build_net.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "work" / "a" / "b.txt").stat().st_mode) == 0o644


def test_run(tmp_path):
    heard = []
    found = script('echo "offramp: synthesis"; echo "Starting Phase 1 | x"; cat a/b.txt; echo bits > net.bit').run(
        tmp_path / "work", lambda *words: heard.append(words))
    assert found == tmp_path / "work" / "net.bit"
    assert found.read_text() == "bits\n"
    assert heard[0] == ("synthesis", "")
    assert (tmp_path / "work" / LOG).read_text().startswith("offramp: synthesis\n")


@pytest.mark.parametrize(("text", "told"), [
    ('echo "ERROR: [offramp] too slow"; echo "ERROR: [Common 17-69] more"; exit 1', "too slow"),
    ('echo "offramp: error: one" >&2; echo "offramp: error: two"; exit 3', "one\n  two"),
    ('echo begins; echo "ERROR: [S 8-439] no module"; exit 1', "the build ended with exit code 1; it said: ERROR: [S 8-439] no module"),
    ("echo last words; exit 7", "the build ended with exit code 7; it said: last words"),
    ("exit 7", "the build ended with exit code 7; it said: nothing"),
    ("true", "the build ended with exit code 0; it said: nothing"),
])
def test_why_it_failed(text, told, tmp_path):
    with pytest.raises(OfframpError) as caught:
        script(text).run(tmp_path / "work")
    assert caught.value.message == told
    assert caught.value.hint == f"all that was printed: {tmp_path / 'work' / LOG}"


def test_a_bitstream_of_before_counts_for_nothing(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "net.bit").write_text("old")
    with pytest.raises(OfframpError):
        script("true").run(tmp_path / "work")
    assert not (tmp_path / "work" / "net.bit").exists()
