"""A made-up ``sim.json``, for what is compared with a simulation."""

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.simulation import ExitFigures, Figures, SampleRecord, SimulationFile

Values = npt.NDArray[np.int64]


def simulation(label: Values, exit: Values, confidence: Values, cycles_per_sample: float = 20.0) -> SimulationFile:
    """A simulation whose samples had these results, int64 ``[n]`` each."""
    count = len(label)
    figures = Figures(
        samples=count, agree=count, accuracy=1.0, exits=[ExitFigures(share=1.0, accuracy=1.0, latency_median=9.0)],
        cycles_per_sample=cycles_per_sample, clock_mhz=100.0, samples_per_second=1e8 / cycles_per_sample, limited_by="stage 0, a",
        sim_cycles_per_second=1e6, cycles=20 * count, stages=[],
    )
    return SimulationFile(
        samples=[
            SampleRecord(id=k, label=a, exit=b, confidence=c, cycle_in=20 * k, cycle_out=20 * k + 9)
            for k, (a, b, c) in enumerate(zip(label.tolist(), exit.tolist(), confidence.tolist(), strict=True))
        ],
        streams={}, gates=[], stages=[], cycles=20 * count, cycles_per_sample=cycles_per_sample, limited_by="stage 0, a",
        sim_cycles=20 * count, sim_cycles_per_second=1e6, registers={}, resumed=False, stall=0.0, seed=1, figures=figures, labels=[],
    )
