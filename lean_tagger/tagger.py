"""The public Python interface: listen to a file, decide, write.

`pipeline` has the steps.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from lean_tagger import write
from lean_tagger.decide.decider import Decider, ask
from lean_tagger.decide.tag_plan import TagPlan
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Identity, Job
from lean_tagger.listen.decode import AudioPosition, DecoderName
from lean_tagger.listen.listener import Listener, Taggram
from lean_tagger.listen.onnx_session import DeviceName
from lean_tagger.listen.pooling import POOLS, PoolName, Scores
from lean_tagger.pipeline import Pipeline, write_proved
from lean_tagger.rules import DEFAULT, Policy, Rules, adjusted
from lean_tagger.settings import DEFAULT_MODEL, WriteSettings

POLICIES = get_args(Policy)


class Tagger:
    """Score and tag files with models that are loaded once and share one pass.

    Parameters
    ----------
    model : str or sequence of str
        A model's name, or the path of a card or of the ``.onnx`` next to one. Each model fills
        the fields that no earlier one is sure enough of.
    device : {'auto', 'cpu', 'cuda', 'rocm'}
        Where the network runs; see `network.Network`.
    threads : int
        Cores to keep busy; with 2 or more, decoding has a thread of its own.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        See `decode.open_audio`.
    pool : {'logit-mean', 'prob-mean', 'max'}, optional
        How windows become one score; the card's way by default.
    hop_seconds : float, optional
        Distance between windows, rounded to whole patch frames; by default the card's
        (windows touch).
    on_window : callable, optional
        Called as ``on_window(path, reader)`` after every window; an exception from it ends the
        file.
    effort : str
        How much of a track is heard: ``full`` is all of it, ``balanced`` and ``fast`` stop
        when more would hardly change the tags, a number is that many windows; see `effort`.
    rules : Rules
        The rules that choose the tags; they matter for when to stop.
    labels : str, optional
        A file of words (``.npz``) that replaces those of the card; see `label_scores`.
    gpu_bytes : int
        GPU memory for the networks, shared equally; 0 is no limit.

    Raises
    ------
    ConfigError, ModelError
        The card or the weights are not usable, or an option makes no sense.

    Attributes
    ----------
    spec, pooling
        The first model's card, and how its windows become one score.
    device : str
        Where the networks run.
    listener : Listener
        The models, loaded.

    Notes
    -----
    One object scores one file at a time: its buffers are used again for each. Memory does not
    grow with the length of a track, except for `taggram`'s result.

    Examples
    --------
    >>> from lean_tagger import Tagger
    >>> tagger = Tagger(["msd-musicnn", "mtt-musicnn"])
    >>> scores = tagger.score("song.mp3")
    >>> for each in [scores, *scores.others]:
    ...     print(each.model, "-", each.top(1)[0][0])
    msd-musicnn - electronic
    mtt-musicnn - techno
    """

    def __init__(
        self,
        model: str | Sequence[str] = DEFAULT_MODEL,
        *,
        device: DeviceName = "auto",
        threads: int = 1,
        decoder: DecoderName = "auto",
        pool: PoolName | None = None,
        hop_seconds: float | None = None,
        on_window: Callable[[str, AudioPosition], None] | None = None,
        notice: Callable[[str], None] | None = None,
        effort: str = "full",
        rules: Rules = DEFAULT,
        labels: str | None = None,
        gpu_bytes: int = 0,
    ) -> None:
        _check_choices(device=device, decoder=decoder, pool=pool, threads=threads)
        names = [model] if isinstance(model, str) else model
        self._asked = ask(names, pool=pool, hop_seconds=hop_seconds, labels=labels)
        self.spec, self.pooling = self._asked[0].card, self._asked[0].pooling
        self.listener = Listener(
            self._asked,
            device=device,
            threads=threads,
            decoder=decoder,
            on_window=on_window,
            notice=notice,
            effort=effort,
            rules=rules,
            gpu_bytes=gpu_bytes,
        )
        self.device = self.listener.device

    def score(self, path: str | os.PathLike[str], *, only: Sequence[int] | None = None) -> Scores:
        """Listen to a file and return what the models heard.

        Parameters
        ----------
        path : str
            The file.
        only : sequence of int, optional
            Indices of the models that should hear it, ascending; by default all.

        Returns
        -------
        Scores
            The first model's; `others` holds the rest.

        Raises
        ------
        FileError
            The file cannot be read, holds no audio, or less than 0.5 s of it.
        """
        return self.listener.score(path, only=only)

    def taggram(self, path: str | os.PathLike[str]) -> Taggram:
        """Listen to a file and return the first model's logits for every window.

        Raises
        ------
        FileError
            As `score`.
        """
        return self.listener.taggram(path)

    def tag(
        self,
        path: str | os.PathLike[str],
        *,
        policy: Policy | None = None,
        rules: Rules = DEFAULT,
        dry_run: bool = False,
    ) -> TagPlan:
        """Listen to a file and fill its genre and mood fields if they are empty.

        A file that has the scores of these models in its LEANTAG field is not heard again.

        Parameters
        ----------
        path : str
            The file.
        policy : {'fill', 'merge', 'overwrite'}, optional
            What to do with values that are there already; by default as the rules say.
        rules : Rules
            The fields to fill, when a label is sure enough, and its name.
        dry_run : bool
            Plan only.

        Raises
        ------
        FileError
            As `score`; WriteError if the tags cannot be written safely. The file is then as
            it was.

        Examples
        --------
        >>> from lean_tagger import Tagger
        >>> tagger = Tagger()
        >>> tagger.tag("song.mp3").changes["genre"]
        ('Electronic',)
        >>> tagger.tag("song.mp3").changes  # it has one now
        {}
        """
        pipeline = Pipeline(
            self._decider(rules, policy),
            self.listener,
            decoder=self.listener.decoder,
            dry_run=dry_run,
        )
        decided = pipeline.decide(Job(os.fsdecode(path), size_bytes=0))
        pipeline.carry_out(decided)
        return decided.plan

    def plan(
        self,
        path: str,
        scores: Scores,
        previous: Mapping[str, tuple[str, ...]],
        *,
        policy: Policy | None = None,
        rules: Rules = DEFAULT,
    ) -> TagPlan:
        """Decide what to write, from scores and the file's present fields; see `tag`.

        Parameters
        ----------
        path : str
            The file; not opened.
        scores : Scores
            From `score`.
        previous : mapping of str to tuple of str
            From `write.read`.
        policy, rules
            As for `tag`.
        """
        heard = scores.heard(Identity(0, 0, 0), previous)
        return self._decider(rules, policy).plan(path, heard)

    def apply(self, plan: TagPlan, *, expected: str | None = None) -> None:
        """Write a plan's changes, and prove that the audio stayed the same.

        Parameters
        ----------
        plan : TagPlan
            From `plan` or ``tag(dry_run=True)``.
        expected : str, optional
            `Scores.digest`; without it, the file's present audio counts.

        Raises
        ------
        WriteError
            The change cannot be made without risk; the file is as it was.
        """
        ways = WriteSettings()
        with write.edit(plan.path, ways=ways) as edit:
            write_proved(
                edit,
                plan.changes,
                plan.previous,
                expected=expected,
                decoder=self.listener.decoder,
                verify=ways.verify,
            )

    def _decider(self, rules: Rules, policy: Policy | None) -> Decider:
        if policy is not None and policy not in POLICIES:
            raise ConfigError(f"no policy {policy!r}; there are {', '.join(POLICIES)}")
        return Decider(self._asked, adjusted(rules, policy=policy))


def _check_choices(*, device: str, decoder: str, pool: str | None, threads: int) -> None:
    """Refuse what a type checker would refuse, for those who use none."""
    choices: dict[str, tuple[object, tuple[object, ...]]] = {
        "device": (device, get_args(DeviceName)),
        "decoder": (decoder, get_args(DecoderName)),
        "pool": (pool, (None, *POOLS)),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ConfigError(f"no {name} {value!r}; there are {', '.join(map(str, allowed))}")
    if threads < 1:
        raise ConfigError(f"threads must be 1 or more, not {threads}")
