import logging
import os
import warnings

import pytest

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
