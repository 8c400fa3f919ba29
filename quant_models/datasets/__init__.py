"""Where data sets come from: one module per source; :func:`quant_models.datasets.load.load` chooses among them."""
