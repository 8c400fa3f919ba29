"""All designs of a space, or as many as there is time for, predicted by many processes, and kept as they arrive."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from build_flows.base.ui import Progress
from build_flows.explore.predict import Chunk, Chunked, Goal, Material, Predicted, Variant, predict
from build_flows.explore.space import Asked, Family
from build_flows.explore.store import Store, key_of
from build_flows.explore.workers import Workers
from build_flows.steps.engine import plain

__all__ = ["Known", "Request", "Source", "evaluate"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A training: its ``material``, a hash of it, and which of its exits stands where (the places of early exits, as a layout has them)."""

    material: Material
    digest: str
    exits: Mapping[tuple[int, str], int]
    alone: bool = False


@dataclass(frozen=True)
class Request:
    """Designs of a ``family`` that are asked for, with the weights of ``source``, one of many."""

    source: int
    family: Family
    asked: tuple[Asked, ...]


@dataclass
class Known:
    """What is known so far: predictions and variants by source and family; ``foldings`` are the different designs among them; ``seconds``
    are those that predicting took of a processor."""

    designs: dict[tuple[int, Family], list[Predicted]] = field(default_factory=dict)
    variants: dict[tuple[int, Family], dict[float, Variant]] = field(default_factory=dict)
    foldings: set[tuple[int, Family, str]] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def thresholds(self) -> int:
        """Predictions, thresholds told apart."""
        return sum(map(len, self.designs.values()))

    def take(self, request: Request, found: Chunked, seconds: float) -> None:
        """Add what was found of ``request``."""
        key = request.source, request.family
        self.designs.setdefault(key, []).extend(found.designs)
        self.variants.setdefault(key, {}).update({item.loss: item for item in found.variants})
        self.foldings |= {(*key, item.folding) for item in found.designs}
        self.seconds += seconds


def evaluate(
    requests: Sequence[Request], sources: Sequence[Source], goal: Goal, store: Store, code: str, workers: Callable[[], Workers],
    known: Known, bar: Progress, enough: Callable[[], bool],
) -> None:
    """Predict what is asked for in ``requests``, in order, and add it to ``known``: what is in ``store`` already is not predicted again.
    ``code`` is a hash of our own code, ``workers`` gives the processes when they are needed. ``enough`` is asked after each request."""
    keys = {_key(request, sources[request.source], goal, code): request for request in requests}
    left: dict[str, Request] = {}
    for key, request in keys.items():
        kept = store.get(key)
        try:
            found = None if kept is None else (Chunked.model_validate(kept["found"]), float(kept["seconds"]))
        except (KeyError, TypeError, ValueError):
            found = None
        if found is None:
            left[key] = request
        else:
            known.take(request, *found)
            bar.advance(len(request.asked))
    for batch in _batches(left, sources):
        if enough():
            return
        source = sources[next(iter(batch.values())).source]
        tasks: dict[str, Any] = {key: (_timed, (goal, _chunk(request, source))) for key, request in batch.items()}
        for key, (found, seconds) in workers().run(tasks, source.material):
            store.put(key, {"found": found.to_json(), "seconds": seconds})
            known.take(batch[key], found, seconds)
            bar.advance(len(batch[key].asked))
            if enough():
                return


def _batches(left: Mapping[str, Request], sources: Sequence[Source]) -> Iterator[dict[str, Request]]:
    """Requests of one source each, since tasks that are handed out together share its material."""
    for index in range(len(sources)):
        found = {key: request for key, request in left.items() if request.source == index}
        if found:
            yield found


def _chunk(request: Request, source: Source) -> Chunk:
    return Chunk(exits=tuple(source.exits[place] for place in request.family.layout), policy=request.family.policy, asked=request.asked)


def _timed(material: Material, asked: tuple[Goal, Chunk]) -> tuple[Chunked, float]:
    begin = time.process_time()
    found = predict(material, *asked)
    return found, time.process_time() - begin


def _key(request: Request, source: Source, goal: Goal, code: str) -> str:
    return key_of({"code": code, "material": source.digest, "goal": plain(goal), "chunk": plain(_chunk(request, source))})
