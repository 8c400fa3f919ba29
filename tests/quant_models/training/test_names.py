"""Names are known without torch, and are those of what there is."""

import subprocess
import sys

from quant_models.training.names import PerturbationName, SchemeName
from quant_models.training.perturb import PERTURBATIONS
from quant_models.training.schemes import SCHEMES
from tests.test_layering import ROOT


def test_there_is_a_name_for_each_and_no_other():
    assert set(SchemeName) == set(SCHEMES)
    assert all(SCHEMES[name].name == name for name in SchemeName)
    assert set(PerturbationName) == set(PERTURBATIONS)


def test_a_name_is_text_and_says_what_it_means():
    assert f"{SchemeName.EXITS_ONLY}" == SchemeName("exits_only") == "exits_only"
    assert all(name.summary and name == name.value for name in (*SchemeName, *PerturbationName))
    assert {name.kind for name in PerturbationName} == {"image", "window"}


def test_nothing_heavy_is_loaded():
    program = "import sys, quant_models.training.names; sys.exit(', '.join({'torch', 'numpy'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
