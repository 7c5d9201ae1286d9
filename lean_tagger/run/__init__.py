"""Take files to worker processes, under a memory budget."""
