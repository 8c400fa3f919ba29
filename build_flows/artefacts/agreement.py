"""``agreement.json``: on how many images the models of a network agreed."""

from quant_models.records import Artefact

__all__ = ["AgreementFile"]


class AgreementFile(Artefact):
    """Images on which Brevitas' integer view gave the golden model's logits (0: it was not asked), images and ``layers`` on which FINN's
    graph did, and how many thresholds of FINN's were float rounding off ours."""

    brevitas: int
    finn: int
    layers: int
    thresholds_rounded: int
