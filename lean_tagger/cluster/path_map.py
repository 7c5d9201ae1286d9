"""Map names of files on this machine to their names on a cluster."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from lean_tagger.errors import ConfigError
from lean_tagger.system.urls import is_url


@dataclass(frozen=True, slots=True)
class PathMap:
    """Turns names on this machine into names on the cluster.

    Attributes
    ----------
    pairs : tuple of (str, str)
        A folder here and the same folder there, absolute; if several match, the longest counts.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "PathMap":
        """Return the map that ``HOME=CLUSTER`` texts describe.

        Raises
        ------
        ConfigError
            A text is not a pair of folders, or the cluster's folder is not absolute.
        """
        pairs = []
        for text in texts:
            home, equals, there = text.rpartition("=")
            if not (equals and home and os.path.isabs(there)):
                raise ConfigError(
                    f"--path-map {text!r} is not HOME=CLUSTER, such as /music=/mnt/music"
                )
            pairs.append((os.path.abspath(home), os.path.normpath(there)))
        return cls(tuple(pairs))

    def there(self, path: str) -> str:
        """Return the cluster's name for a file on this machine."""
        if is_url(path):
            return path
        path = os.path.abspath(path)
        for home, there in sorted(self.pairs, key=lambda pair: len(pair[0]), reverse=True):
            if path == home:
                return there
            if path.startswith(inside := os.path.join(home, "")):
                return os.path.join(there, path.removeprefix(inside))
        return path


THE_SAME = PathMap()
"""All machines have the music under the same path."""
