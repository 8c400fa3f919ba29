import numpy as np
import pytest
import torch

from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import Activation, Conv, DenseScales, GlobalPool, Linear, MaxPool, NetSpec, Residual, Scales

torch.set_num_threads(1)


def build_spec(weight_bits=4, act_bits=4):
    """Three exits and every kind of layer, odd sizes, signed and unsigned activations."""
    relu, signed = Activation(bits=act_bits), Activation(kind="identity", bits=act_bits)
    bits = {"weight_bits": weight_bits}
    return NetSpec(
        name="tiny", height=9, width=7, channels=2, classes=4,
        stages=(
            (Conv(out=5, kernel=3, pad=1, act=relu, **bits), MaxPool(kernel=3, stride=2)),
            (Conv(out=6, kernel=2, pad=1, stride=2, act=signed, **bits), MaxPool(kernel=2, stride=1)),
            (Conv(out=7, kernel=1, act=relu, **bits),),
        ),
        heads=(
            (Linear(out=6, act=signed, **bits), Linear(out=5, act=relu, **bits), Linear(out=4, **bits)),
            (Linear(out=4, **bits),),
            (GlobalPool(act=relu), Linear(out=4, **bits)),
        ),
    )


def residual_spec(weight_bits=4, act_bits=4):
    """Residual blocks of every kind for the images of :func:`build_spec`: the skip as it is and through a convolution, one with a pool in a
    head, a sum without ReLU behind."""
    relu, signed = Activation(bits=act_bits), Activation(kind="identity", bits=act_bits)
    shared, bits = Activation(kind="identity", bits=min(act_bits + 1, 8)), {"weight_bits": weight_bits}
    block = Residual(body=(Conv(out=5, kernel=3, pad=1, act=relu, **bits), Conv(out=5, kernel=3, pad=1, act=shared, **bits)), act=relu)
    down = Residual(
        body=(Conv(out=6, kernel=3, pad=1, stride=2, act=relu, **bits), Conv(out=6, kernel=3, pad=1, act=shared, **bits)),
        shortcut=(Conv(out=6, kernel=1, stride=2, act=shared, **bits),), act=signed,
    )
    pooled = Residual(
        body=(Conv(out=3, kernel=2, act=signed, **bits),),
        shortcut=(MaxPool(kernel=2, stride=1), Conv(out=3, kernel=1, act=signed, **bits)), act=relu,
    )
    return NetSpec(
        name="skips", height=9, width=7, channels=2, classes=4,
        stages=((Conv(out=5, kernel=3, pad=1, act=relu, **bits), block, block), (down,), (MaxPool(kernel=2, stride=2),)),
        heads=((MaxPool(kernel=3, stride=2), pooled, Linear(out=4, **bits)), (Linear(out=4, **bits),),
               (GlobalPool(act=relu), Linear(out=4, **bits))),
    )


def separable_spec(weight_bits=4, act_bits=4):
    """Convolutions in groups for the images of :func:`build_spec`: depthwise, of two groups, with more outputs than inputs, in a residual
    block, a head and a gate head."""
    relu, bits = Activation(bits=act_bits), {"weight_bits": weight_bits}
    shared = Activation(kind="identity", bits=min(act_bits + 1, 8))
    block = Residual(body=(Conv(out=6, kernel=3, pad=1, act=relu, groups=6, **bits), Conv(out=6, kernel=1, act=shared, **bits)), act=relu)
    return NetSpec(
        name="groups", height=9, width=7, channels=2, classes=4,
        stages=((Conv(out=4, kernel=3, pad=1, stride=2, act=relu, groups=2, **bits), Conv(out=6, kernel=1, act=relu, **bits), block),
                (Conv(out=6, kernel=3, act=relu, groups=6, **bits), Conv(out=8, kernel=1, act=relu, groups=2, **bits))),
        heads=((Conv(out=6, kernel=(3, 2), act=relu, groups=6, **bits), Linear(out=4, **bits)),
               (GlobalPool(act=relu), Linear(out=4, **bits))),
        gates=((Conv(out=6, kernel=2, act=relu, groups=3, **bits), Linear(out=1, **bits)), ()),
    )


def scales_spec(weight_bits=4, act_bits=4):
    """Three scales with dense connections for the images of :func:`build_spec`, one of them signed; the exit's cut has three tensors. The
    gate head reads what the head reads."""
    relu, signed, bits = Activation(bits=act_bits), Activation(kind="identity", bits=act_bits), {"weight_bits": weight_bits}
    acts = (relu, signed, relu)

    def convs(first, *sizes):
        return tuple(Conv(out=out, kernel=3, pad=1, stride=stride, act=acts[first + k], **bits) for k, (out, stride) in enumerate(sizes))

    dense = DenseScales(same=convs(0, (3, 1), (4, 1), (3, 1)), down=convs(1, (3, 2), (4, 2)))
    return NetSpec(
        name="scales", height=9, width=7, channels=2, classes=4,
        stages=((Scales(convs=convs(0, (5, 1), (4, 2), (3, 2))), dense), (dense, dense)),
        heads=((Linear(out=4, **bits),), (GlobalPool(act=relu), Linear(out=4, **bits))),
        gates=((GlobalPool(act=relu), Linear(out=1, **bits)), ()),
    )


def bit_spec():
    """Weights and activations of 1 bit for the images of :func:`build_spec`: with and without padding, in groups, behind a pool and an
    average, and beside other widths."""
    bit, bits = Activation(bits=1), {"weight_bits": 1}
    return NetSpec(
        name="bits", height=9, width=7, channels=2, classes=4,
        stages=((Conv(out=6, kernel=3, act=bit, **bits), Conv(out=6, kernel=2, pad=1, act=bit, groups=3, **bits),
                 MaxPool(kernel=2, stride=2)),
                (Conv(out=5, kernel=2, act=bit, weight_bits=3), Conv(out=7, kernel=1, act=Activation(bits=3), **bits))),
        heads=((GlobalPool(act=bit), Linear(out=4, **bits)), (Linear(out=9, act=bit, **bits), Linear(out=4, **bits))),
    )


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(3).integers(0, 256, (50, 9, 7, 2), dtype=np.uint8)


def build_model(spec, seed=0):
    """A net whose batch norms have seen data and whose parameters are all away from their initial values."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = MultiExitNet(spec)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "scaling_impl" not in name:
                value.add_(0.2 * torch.randn(value.shape, generator=generator))
        model.clamp()
        for _ in range(20):
            model(torch.rand(32, spec.channels, spec.height, spec.width, generator=generator))
    return model.eval()


@pytest.fixture(scope="session")
def model():
    return build_model(build_spec())
