"""What measures offramp and writes into docs/; not part of the distribution."""
