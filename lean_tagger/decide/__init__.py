"""From scores to a plan: what to write into which field."""
