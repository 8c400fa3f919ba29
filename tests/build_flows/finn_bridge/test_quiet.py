import logging
import os
import warnings

import pytest
from finn.util.settings import get_settings

from build_flows.finn_bridge.quiet import quiet_finn


@pytest.mark.filterwarnings("error")
def test_nothing_is_printed_and_nothing_stays_behind(capsys):
    before, level = dict(os.environ), logging.getLogger("finn_logger").level
    with quiet_finn():
        print("chatter")
        warnings.warn("chatter", stacklevel=1)
        logging.getLogger("finn_logger").warning("chatter")
    with pytest.raises(KeyError), quiet_finn():
        raise KeyError
    assert dict(os.environ) == before
    assert logging.getLogger("finn_logger").level == level
    assert capsys.readouterr() == ("", "")


def test_the_users_home_and_settings_of_finn_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "settings.yaml").write_text("finn_deps: /of/the/user\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FINN_DEPS", "/of/the/user")
    for settings in (None, str(tmp_path / "settings.yaml")):
        monkeypatch.setenv("FINN_SETTINGS", settings) if settings else monkeypatch.delenv("FINN_SETTINGS", raising=False)
        before = dict(os.environ)
        with quiet_finn():
            assert "user" not in str(get_settings().finn_deps)
        assert dict(os.environ) == before
    assert [path.name for path in tmp_path.iterdir()] == ["settings.yaml"]
