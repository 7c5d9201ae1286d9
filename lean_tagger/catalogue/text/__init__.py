"""Words as labels: their vectors, made by a text network."""
