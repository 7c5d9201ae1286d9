"""One module for each tag format; `detect` tells which one a file has."""
