"""What does not go together is one line that names file, key, value and what is allowed."""

import pytest

from tests.build_flows.project.configs import B_LENET, DIGITS, faults, placed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DIGITS.replace('\n[[exits]]\npolicy = "max_logit"\n# score =\n# threshold =\n# after =\n# head =\n', ""),
            'exits = ["softmax", "always"]: digits has 3 exits, not 2; allowed: one [[exits]] table for each, a single one, or any number '
            "with after in each but the last",
        ),
        (B_LENET.replace('policy = "always"', 'policy = "never"'), 'exits[1].policy = "never": the last exit must let every sample leave'),
        (
            B_LENET.replace('policy = "max_logit"', 'policy = "always"'),
            'exits[0].policy = "always": no sample would get past it; allowed before the last exit: max_logit, margin, softmax, entropy, '
            "patience, class_threshold, gate, never",
        ),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "digits"').replace('preset = "b_lenet"', 'preset = "triple_wins"'),
            'data.name = "digits": its images are 8x8x1, but triple_wins takes 16x16 at least; allowed: fashion-mnist, cifar10, npz, '
            "folder, sensors",
        ),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "npz"'),
            "data.path = (unset): data set npz needs its place; allowed: path of an .npz file",
        ),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "folder"'),
            "data.path = (unset): data set folder needs its place; allowed: path of a folder with train/<class>/ and test/<class>/, or",
        ),
        (B_LENET.replace("# resize =", "resize = [8, 8]"), "data.resize = [8, 8]: only images of a folder are converted, not data set"),
        (B_LENET.replace('channels = "auto"', 'channels = "rgb"'), 'data.channels = "rgb": only images of a folder are converted, not'),
        (
            B_LENET.replace('name = "fashion-mnist"', 'name = "folder"').replace("# path =", 'path = "."').replace(
                "# resize =", "resize = [8]"
            ),
            "data.resize = [8]: allowed: 2 values, height and width, not 1",
        ),
        (
            DIGITS.replace("\naccuracy_loss = 0.5", "\n# accuracy_loss =").replace("# shares =", "shares = [0.7, 0.6]"),
            "calibrate.shares = [0.7, 0.6]: they sum to 1.3; allowed: 1 at most",
        ),
        (
            DIGITS.replace('folding = "optimal"', 'folding = "finn"'),
            'target.cycles_per_sample = "auto": SetFolding is given a target, and none is looked for with it; allowed: a whole number, or '
            'build.folding = "optimal"',
        ),
        (
            DIGITS.replace('cycles_per_sample = "auto"', "cycles_per_sample = 0"),
            'target.cycles_per_sample = 0: allowed: whole number from 1 to 100000000 or "auto"',
        ),
        (
            DIGITS.replace('cycles_per_sample = "auto"', 'cycles_per_sample = "fast"'),
            'target.cycles_per_sample = "fast": allowed: whole number from 1 to 100000000 or "auto"',
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "subnet"'),
            "build.exit = (unset): mode subnet builds one exit; allowed: 0 to 2",
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "subnet"').replace("# exit =", "exit = 3"),
            "build.exit = 3: there are 3 exits; allowed: 0 to 2",
        ),
        (
            B_LENET.replace('mode = "all"', 'mode = "subnet"').replace("# exit =", "exit = 2"),
            "build.exit = 2: there are 2 exits; allowed: 0 or 1",
        ),
        (
            DIGITS.replace("# exit =", "exit = 1"),
            'build.exit = 1: mode all builds every exit; allowed: unset, or mode = "subnet"',
        ),
        (
            DIGITS.replace('policy = "softmax"', 'policy = "gate"', 1).replace("# exchangeable_heads =", "exchangeable_heads = true"),
            'exits[0].policy = "gate": gate heads are sized from their weights',
        ),
        (
            DIGITS.replace('policy = "softmax"', 'policy = "gate"', 1).replace('scheme = "joint"', 'scheme = "import"').replace(
                "# mapping =", 'weights = "float.safetensors"'),
            'exits[0].policy = "gate": gate heads are trained, and import.fine_tune = 0 trains nothing',
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "anytime"').replace('order = "arrival"', 'order = "input"'),
            'build.order = "input": mode anytime gives results as they come; allowed: "arrival"',
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "anytime"').replace('policy = "softmax"', 'policy = "never"', 1),
            'exits[0].policy = "never": it finds no class, and in mode anytime every exit answers; allowed: any other policy',
        ),
        (DIGITS.replace("# shares =", "shares = [0.5, 0.2]"), "calibrate.shares = [0.5, 0.2]: allowed: either accuracy_loss or shares"),
        (
            DIGITS.replace("# mean_cost =", "mean_cost = 0.5"),
            "calibrate.mean_cost = 0.5: allowed: either accuracy_loss or mean_cost, not both",
        ),
        (
            DIGITS.replace('mode = "all"', 'mode = "budgeted"'),
            "calibrate.mean_cost = (unset): mode budgeted keeps to a mean cost; allowed: a number above 0 up to 1",
        ),
        (DIGITS.replace("\naccuracy_loss = 0.5", ""), "calibrate.accuracy_loss = (unset): allowed: one of"),
        (
            B_LENET.replace('"max_logit"', '"never"').replace("\naccuracy_loss = 0.5", "\nshares = [0.75]").replace("# shares =", ""),
            "calibrate.shares[0] = 0.75: exits[0] has policy never; allowed: 0",
        ),
    ],
)
def test_impossible_layouts_are_errors(text: str, message: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(f"x.toml: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            placed("b_lenet", (5, None)),
            "exits[0].after = 5: b_lenet's backbone has blocks 0 to 2; allowed: an early exit after block 0 or 1",
        ),
        (
            placed("triple_wins", (0, None), (3, None)),
            "exits[1].after = 3: triple_wins's backbone has blocks 0 to 3; allowed: an early exit after block 0 to 2",
        ),
        (
            placed("digits", (1, None), (0, None)),
            "exits[1].after = 0: exits[0] stands after block 1; allowed: 1 or more, the backbone's order",
        ),
        (placed("digits", (1, None), (None, None)), "exits[1].after = (unset): allowed: after in every exit but the last, or in none"),
        (
            placed("b_lenet", (1, "preset")),
            'exits[0].head = "preset": b_lenet has a head of its own after block 0 only; allowed: "linear", "pool", "conv", "global"',
        ),
        (
            placed("b_lenet", (1, "linear"), (1, None)),
            'exits[1].head = "linear": exits[0] stands after block 1 with this head already; allowed: "pool", "conv", "global"',
        ),
        (
            placed("b_lenet", (0, None), last="after = 2\n"),
            "exits[1].after = 2: the last exit stands after the whole backbone, with the preset's last head; allowed: unset",
        ),
        (
            placed("b_lenet", last='head = "linear"\n'),
            'exits[0].head = "linear": the last exit stands after the whole backbone, with the preset\'s last head; allowed: unset',
        ),
        (
            "exits = []\n" + placed("b_lenet").replace('[[exits]]\npolicy = "always"\n', ""),
            "exits = []: b_lenet has 2 exits, not 0; allowed: one",
        ),
        (
            placed("b_lenet", (0, None), (1, None), extra="[train]\nexit_weights = [1.0, 1.0]\n"),
            "train.exit_weights = [1.0, 1.0]: allowed: 3 values, one for each exit, not 2",
        ),
        (
            placed("b_lenet", extra="[target]\nhard_share = [0.5]\n"),
            "target.hard_share = [0.5]: allowed: 0 values, one for each exit but the last, not 1",
        ),
    ],
)
def test_impossible_places_are_errors(text: str, message: str) -> None:
    [found] = faults(text)
    assert found.startswith(f"x.toml: {message}")
