"""Fine-tuning of a network whose weights are those of a float one."""

from dataclasses import dataclass

from quant_models.training.names import SchemeName
from quant_models.training.schemes.joint import Joint

__all__ = ["Import"]


@dataclass(frozen=True, kw_only=True)
class Import(Joint):
    """Joint training that goes on from what :func:`quant_models.bring.importing.import_network` made of a float network."""

    name = SchemeName.IMPORT

    def needs_start(self) -> bool:
        return True
