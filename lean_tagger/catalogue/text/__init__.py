"""Words as labels: make their vectors with a text network."""
