"""A float residual network of one's own, plain PyTorch, for ``import.factory``: two exits on 8x8 digits. ``python own_float.py`` trains
it in some seconds."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS = Path(__file__).parent / "own_float.safetensors"


class Block(nn.Module):
    """Two convolutions beside a skip."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        changed = stride > 1 or channels != out
        self.skip = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if changed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(inner)) + self.skip(x))


class Residual(nn.Module):
    """The first exit leaves behind one block, the second behind two."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Block(8, 8, 1))
        self.early, self.onward, self.last = nn.Linear(8 * 4 * 4, 10), Block(8, 16, 2), nn.Linear(16, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.begin(images)
        early = self.early(torch.flatten(functional.max_pool2d(features, 2), 1))
        return early, self.last(torch.flatten(functional.adaptive_avg_pool2d(self.onward(features), 1), 1))


def network() -> Residual:
    """What ``import.factory`` names."""
    return Residual()


def main() -> None:
    """Train on scikit-learn's digits, in float, and write the weights."""
    from safetensors.torch import save_file

    from quant_models.datasets.load import load, split

    torch.manual_seed(1)
    data = load("digits")
    # The images that thresholds are calibrated on are left out, as own_float.toml splits them off.
    kept, _ = split(data, 0.2, 1)
    x = torch.from_numpy(data.x_train[kept].transpose(0, 3, 1, 2).astype("float32")) / 255
    y = torch.from_numpy(data.y_train[kept])
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 15)
    for _ in range(15):
        for some in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            sum(functional.cross_entropy(logits, y[some]) for logits in model(x[some])).backward()
            optimiser.step()
        schedule.step()
    save_file(model.state_dict(), WEIGHTS)
    print(WEIGHTS)


if __name__ == "__main__":
    main()
