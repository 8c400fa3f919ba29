"""Where data sets come from: one module per source; :func:`quant_models.data.load` chooses among them."""
