"""Networks as data and as Brevitas modules: layers, presets, exits, checkpoints, cuts, costs."""
