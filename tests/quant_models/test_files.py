import pytest

from quant_models.files import atomic


def test_whole_or_not_there(tmp_path):
    path = tmp_path / "artefact"
    with atomic(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"

    def fail():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "one"
    assert [item.name for item in tmp_path.iterdir()] == ["artefact"]
