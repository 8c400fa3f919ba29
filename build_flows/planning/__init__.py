"""What an accelerator is made of before it is made: shapes, folding, costs, FIFO depths, gates."""
