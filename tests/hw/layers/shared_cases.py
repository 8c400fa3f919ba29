"""Convolutions that the tests of the shared unit's parts have in common."""

from hw.layers.shared_shape import SharedShape


def shape(height=6, width=6, channels=4, out_channels=4, kernel=3, stride=1, pad=1, pool=1, bits=4, signed=False, weight_bits=4, pixels=2,
          beat=None, inputs=None, outputs=None, lanes=2, lut=False, binary=False,
          depthwise=False):
    """A shape with square sides where one number is given, all channels at once unless told."""
    def pair(value):
        return value if isinstance(value, tuple) else (value, value)

    if outputs is None:
        outputs = -(-out_channels // 6) * 6 if pixels == 1 else -(-out_channels // 2) * 2
    return SharedShape(height=height, width=width, channels=channels, beat=beat or channels, out_channels=out_channels,
                       kernel=pair(kernel), stride=pair(stride), pad=pair(pad), pool=pair(pool), bits=bits, signed=signed,
                       weight_bits=weight_bits, pixels=pixels, inputs=inputs or beat or channels, outputs=outputs, lanes=lanes, lut=lut,
                       binary=binary, depthwise=depthwise)


SHAPES = {
    "pairs": shape(height=4, width=4),
    "odd width": shape(height=3, width=5, lanes=1),
    "pool": shape(height=4, width=5, pool=2, out_channels=6, kernel=3, pad=2),
    "pool, odd": shape(height=7, width=7, pool=3, kernel=3, pad=1),
    "pool down": shape(pool=(2, 1), height=4, width=4),
    "pool down, a slot each": shape(pool=(3, 1), height=6, width=3, lanes=4),
    "pool down, groups": shape(pool=(2, 1), height=4, width=5, kernel=1, pad=0, out_channels=5, outputs=4, lanes=1),
    "pool across": shape(pool=(1, 2), height=3, width=4),
    "pool across, odd": shape(pool=(1, 3), height=2, width=6, out_channels=5, outputs=2, lanes=2),
    "groups": shape(height=3, width=4, channels=5, inputs=2, out_channels=7, outputs=4, lanes=4),
    "groups, pool": shape(height=4, width=4, kernel=2, channels=3, inputs=2, out_channels=5, outputs=2, lanes=1, pool=2),
    "stride": shape(height=7, width=6, stride=2, kernel=3, pad=1),
    "stride beyond the kernel": shape(height=7, width=8, stride=3, kernel=2, pad=0),
    "1x1": shape(height=4, width=4, kernel=1, pad=0, lanes=4),
    "1x1, a step a visit": shape(height=2, width=10, kernel=1, pad=0, pool=(1, 2), outputs=4, lanes=4),
    "a row ends in a step": shape(height=3, width=4, kernel=(1, 2), pad=(0, 2), stride=(2, 1), pool=(1, 2), pixels=1, out_channels=3,
                                  lanes=6),
    "two pixels a row, of one step": shape(height=3, width=2, kernel=(2, 1), pad=(1, 0), pixels=1, out_channels=3, lanes=6),
    "a visit a row": shape(height=5, width=1, kernel=(3, 1), pad=(2, 0), pixels=1, out_channels=3, lanes=6),
    "a visit a row, of one or two steps": shape(height=5, width=1, kernel=(2, 1), pad=(1, 0), pixels=1, out_channels=3, lanes=6),
    "1x1, padded": shape(height=3, width=3, kernel=1, pad=1, lanes=4),
    "kernel beyond the map": shape(height=2, width=2, kernel=7, pad=3, out_channels=2),
    "one pixel": shape(height=3, width=4, pixels=1, out_channels=5, lanes=3),
    "one pixel, pool": shape(height=4, width=5, pixels=1, out_channels=5, pool=2, lanes=2, signed=True),
    "fully connected": shape(height=1, width=1, channels=20, kernel=1, pad=0, pixels=1, beat=10, inputs=5, out_channels=10, outputs=6,
                             lanes=1),
    "beats": shape(height=3, width=4, channels=6, beat=3, inputs=2, kernel=(3, 2), out_channels=2),
    "one pixel of the input": shape(height=1, width=1, channels=3, kernel=3, pad=1, out_channels=1, pixels=1, outputs=3, lanes=1),
    "tall": shape(height=9, width=1, channels=2, kernel=(3, 1), pad=(1, 0), stride=(2, 1), pool=(2, 1), pixels=1, out_channels=3, outputs=3,
                  lanes=3),
    "8 bits": shape(height=3, width=3, bits=8, weight_bits=8, channels=3, out_channels=3, outputs=3, lanes=3),
    "signed": shape(height=3, width=4, signed=True, channels=7, inputs=7),
    "2-bit weights": shape(height=3, width=2, weight_bits=2, bits=2, channels=20),
    "bits": shape(height=5, width=6, pad=0, channels=13, bits=1, weight_bits=1, binary=True),
    "bits, pool": shape(height=6, width=7, pad=0, channels=11, inputs=4, out_channels=5, outputs=2, pool=2, bits=1, weight_bits=1,
                        binary=True),
    "bits, fully connected": shape(height=1, width=1, channels=30, kernel=1, pad=0, pixels=1, beat=10, inputs=4, out_channels=7, outputs=3,
                                   lanes=1, bits=1, weight_bits=1, binary=True),
    "bits, a step a visit": shape(height=2, width=6, kernel=1, pad=0, outputs=4, lanes=4, pool=(1, 2), bits=1, weight_bits=1, binary=True),
    "LUTs": shape(height=4, width=4, channels=9, lut=True, out_channels=3, outputs=3, lanes=3, pool=2),
    "LUTs, pool down": shape(pool=(2, 1), height=4, width=3, lut=True, out_channels=3, outputs=3, lanes=3),
    "LUTs, one pixel": shape(height=3, width=4, channels=20, pixels=1, lut=True, signed=True, outputs=2, lanes=1),
    "LUTs, 8 bits": shape(height=3, width=3, bits=8, weight_bits=8, channels=6, lut=True, out_channels=3, outputs=3, lanes=3),
    "each by itself": shape(height=4, width=5, channels=6, out_channels=6, inputs=6, outputs=6, lanes=3, lut=True, depthwise=True),
    "each by itself, groups": shape(height=5, width=4, channels=7, out_channels=7, inputs=3, outputs=3, lanes=1, stride=2, lut=True,
                                    depthwise=True),
    "each by itself, pool": shape(height=5, width=6, channels=5, out_channels=5, inputs=2, outputs=2, pool=2, signed=True, lut=True,
                                  depthwise=True),
    "each by itself, one pixel": shape(height=3, width=1, kernel=(3, 1), pad=(1, 0), channels=4, out_channels=4, inputs=2, outputs=2,
                                       pixels=1, bits=8, weight_bits=8, lut=True, depthwise=True),
    "LUTs, 3-bit weights": shape(height=2, width=3, weight_bits=3, bits=3, channels=5, inputs=3, lut=True),
}
