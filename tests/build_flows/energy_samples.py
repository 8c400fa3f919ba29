"""Figures of a made-up design: two stages, half of the samples leave at the first exit."""

from build_flows.artefacts.energy import WEIGHTS, EnergyFile, ExitEnergy, StageEnergy, Switching, UnitEnergy
from build_flows.artefacts.verdict import synthesised
from tests.build_flows.compare_samples import resources


def energy(name: str = "small <net>", cycles: float = 100.0, times: float = 1.0, idle: float = 1.0) -> EnergyFile:
    """``times`` what the first one switches, a sample every ``cycles``."""
    first = Switching(lut=600, ff=300, dsp=2, bram36=1, clock=2000).times(times)
    second = Switching(lut=200, ff=100, dsp=0, bram36=0, clock=1000).times(times)
    rest = Switching(lut=50, ff=50, clock=500).times(times)
    still = Switching(lut=0.1, ff=0.1, clock=30).times(idle)
    units = [
        UnitEnergy(name="stage0_conv0", kind="layer", stage=0, head=False, activity=0.21, idle_activity=0.0, switches=first, idle=still),
        UnitEnergy(name="head1_fc0", kind="layer", stage=1, head=True, activity=0.04, idle_activity=0.001, switches=second, idle=still),
        UnitEnergy(name="merge", kind="merge", stage=None, head=False, activity=0.01, idle_activity=0.002, switches=rest, idle=still),
    ]
    return EnergyFile(
        project=name, verdict=synthesised(resources(1)), images=200, cycles_per_sample=cycles, weights=WEIGHTS,
        sample=first + second + rest, idle=still.times(3), units=units, stages=[
            StageEnergy(stage=0, switches=first, passed=None, idle=still, busy=0.9),
            StageEnergy(stage=1, switches=second, passed=second.times(0.4), idle=still, busy=0.25),
            StageEnergy(stage=None, switches=rest, passed=None, idle=still, busy=None),
        ], exits=[
            ExitEnergy(exit=0, images=100, cycles_per_sample=cycles, switches=first + second.times(0.4) + rest),
            ExitEnergy(exit=1, images=100, cycles_per_sample=4 * cycles, switches=first + second.times(1.6) + rest),
        ],
    )
