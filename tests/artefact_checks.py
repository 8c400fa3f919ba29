"""What holds of every artefact's type."""

import json
from pathlib import Path
from typing import Any, TypeVar

import pytest

from quant_models.records import Artefact, ArtefactError

Kind = TypeVar("Kind", bound=Artefact)


def text_of(content: dict[str, Any]) -> str:
    """``content`` as JSON artefacts are written."""
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def checked(kind: type[Kind], content: dict[str, Any], folder: Path) -> Kind:
    """The artefact that ``content`` is: written again it is the same to the byte, and whatever is left out of it, or put in, is told."""
    path = folder / "artefact.json"
    path.write_text(text_of(content))
    found = kind.load(path)
    found.save(folder / "made" / "again.json")
    assert (folder / "made" / "again.json").read_text() == path.read_text()
    required = [declared.alias or name for name, declared in kind.model_fields.items() if declared.is_required()]
    assert required
    for name in required:
        with pytest.raises(ArtefactError, match=rf"^there: {name}: field required"):
            kind.parse({key: value for key, value in content.items() if key != name}, "there")
    with pytest.raises(ArtefactError, match=r"^there: surplus: extra inputs are not permitted, not 3$"):
        kind.parse({**content, "surplus": 3}, "there")
    with pytest.raises(ArtefactError, match=rf"^there: version must be {kind.VERSION}, not 99$"):
        kind.parse({**content, "version": 99}, "there")
    return found
