"""Networks that were trained elsewhere: state dicts, modules, float twins."""
