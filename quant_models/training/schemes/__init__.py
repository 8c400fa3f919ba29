"""Training schemes: one class each, by the name that ``train.scheme`` has for it."""

from quant_models.training.schemes.base import OWN, UNLABELLED, Batch, Part, Scheme
from quant_models.training.schemes.consistent import Consistent
from quant_models.training.schemes.distill import Distill
from quant_models.training.schemes.exits_only import Backbone, ExitsOnly
from quant_models.training.schemes.imported import Import
from quant_models.training.schemes.joint import Joint
from quant_models.training.schemes.personal import Personal, personal_data

__all__ = [
    "OWN", "SCHEMES", "UNLABELLED", "Backbone", "Batch", "Consistent", "Distill", "ExitsOnly", "Import", "Joint", "Part", "Personal",
    "Scheme", "personal_data",
]

SCHEMES: dict[str, type[Scheme]] = {item.name: item for item in (Joint, ExitsOnly, Distill, Consistent, Personal, Import)}
