"""One module for each tag format; `detect` finds the one for a file."""
