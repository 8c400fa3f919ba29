"""Spaces that are too large to be gone through: NSGA-II (Deb et al., 2002), as pymoo has it, and a search beside its front look at a
part of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from build_flows.explore.objectives import Floats, front
from build_flows.explore.space import NO_POLICY, Asked, Family, Place, Space

__all__ = ["NAME", "Design", "Look", "optimise"]

NAME = "NSGA-II and Pareto local search"
POPULATION = 40
"""Designs that are looked at together: so many fill the processes of some machines, and leave a search of hundreds its generations."""

GLOBAL = 0.6
"""The share of the budget that NSGA-II gets."""

IDLE = 20
"""Generations without a new design after which NSGA-II has nothing more to say."""

WORST = 1e30
"""What stands for the objectives of a design that cannot be."""

ORDERED = ("loss", "cycles", "busy")
"""Genes that are numbers in order."""

Design = tuple[Family, Asked]

Look = Callable[[Sequence[Design]], Sequence[Floats | None]]
"""Gives of designs the objectives, of all of which the least is best; None of one that cannot be, or does not hold what it must."""


def optimise(space: Space, places: Sequence[Sequence[Place]], most: int, look: Look, objectives: int, budget: int, seed: int,
             enough: Callable[[], bool] = lambda: False) -> int:
    """``look``, which gives so many ``objectives``, at ``budget`` different designs of ``space`` at most, whose early exits are one or none
    of each of ``places``, ``most`` together; gives how many there were. A part of them, :data:`GLOBAL`, is spent on NSGA-II, the rest on
    what lies beside the front that it found: designs that differ from one on it in a single choice (Pareto local search: Paquete,
    Chiarandini and Stützle, 2004). It ends earlier when ``enough``, or when there is nothing else to look at. The same ``seed`` looks at
    the same designs."""
    from pymoo.algorithms.moo.nsga2 import RankAndCrowding
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import Problem
    from pymoo.core.variable import Integer

    genes = _Genes(space, places, most)
    seen: dict[Design, Floats | None] = {}

    def looked(designs: Sequence[Design]) -> int:
        new = [item for item in dict.fromkeys(designs) if item not in seen][: budget - len(seen)]
        seen.update(zip(new, look(new), strict=True))
        return len(new)

    first = (space.families[0], space.asked(space.families[0])[-1])
    looked([first])
    problem = Problem(vars={name: Integer(bounds=(0, size - 1)) for name, size in genes.sizes.items() if size > 1}, n_obj=objectives,
                      n_ieq_constr=1)
    algorithm = MixedVariableGA(pop_size=POPULATION, survival=RankAndCrowding())
    algorithm.setup(problem, seed=seed, termination=("n_gen", 10**9), verbose=False)
    idle = 0
    while problem.vars and len(seen) < GLOBAL * budget and idle < IDLE and not enough():
        asked = algorithm.ask()
        if asked is None:  # of a small space all children are there already
            break
        designs = [genes.design(item.X) for item in asked]
        idle = 0 if looked(designs) else idle + 1
        for item, design in zip(asked, designs, strict=True):
            values = seen.get(design)
            item.F = np.full(objectives, WORST) if values is None else values
            item.G = np.array([1.0 if values is None else -1.0])
            item.evaluated.update({"F", "G"})
        algorithm.tell(infills=asked)
    order = np.random.default_rng(seed)
    while len(seen) < budget and not enough():
        known = [(design, values) for design, values in seen.items() if values is not None]
        best = [known[at][0] for at in front(np.array([values for _, values in known]))] if known else [first]
        beside = [item for item in dict.fromkeys(near for design in best for near in genes.beside(design)) if item not in seen]
        if not beside:
            break
        looked([beside[at] for at in order.permutation(len(beside))[:POPULATION]])
    return len(seen)


class _Genes:
    """Designs as whole numbers by name, each from 0 below its size."""

    def __init__(self, space: Space, places: Sequence[Sequence[Place]], most: int) -> None:
        self.space, self.places, self.most = space, places, most
        self.bits = sorted({family.bits for family in space.families})
        self.policies = sorted({family.policy for family in space.families if family.layout}) or [NO_POLICY]
        self.sizes = {f"place{k}": len(found) + 1 for k, found in enumerate(places)} | {
            "policy": len(self.policies), "bits": len(self.bits), "loss": len(space.losses), "cycles": len(space.cycles),
            "busy": len(space.utilisations)}

    def design(self, genes: Mapping[str, int]) -> Design:
        """The design; of too many exits the first ones. A gene that is not given is 0."""
        of = {name: int(genes.get(name, 0)) for name in self.sizes}
        layout = tuple(found[of[f"place{k}"] - 1] for k, found in enumerate(self.places) if of[f"place{k}"])[: self.most]
        cycles, bits = self.space.cycles[of["cycles"]], self.bits[of["bits"]]
        if not layout:
            return Family((), NO_POLICY, bits), Asked(0.0, cycles, 1.0)
        return (Family(layout, self.policies[of["policy"]], bits),
                Asked(self.space.losses[of["loss"]], cycles, self.space.utilisations[of["busy"]]))

    def beside(self, design: Design) -> Iterator[Design]:
        """All designs that differ in one gene; of numbers in order by one step."""
        family, asked = design
        own = {f"place{k}": next((found.index(place) + 1 for place in family.layout if place in found), 0)
               for k, found in enumerate(self.places)}
        own |= {"policy": self.policies.index(family.policy) if family.layout else 0, "bits": self.bits.index(family.bits),
                "loss": self.space.losses.index(asked.loss) if family.layout else 0, "cycles": self.space.cycles.index(asked.cycles),
                "busy": self.space.utilisations.index(asked.utilisation) if family.layout else 0}
        for name, size in self.sizes.items():
            steps = (own[name] - 1, own[name] + 1) if name in ORDERED else range(size)
            for value in steps:
                if 0 <= value < size and value != own[name]:
                    yield self.design(own | {name: value})
