"""Turn mono blocks of any rate into fixed-size chunks at the model's rate.

The resampler's filter affects the network's scores, so the card chooses it; `resample_filters`
has the filters. Output ``t`` lies at input position ``t / r``, with ``r = rate_out / rate_in``;
its taps are the input samples around it.

For a rational ratio ``r = L / M`` the weights repeat every L outputs. So a group of neighbouring
outputs is a row of inputs times a fixed matrix, and the same group in all periods is one matrix
product. If L is too large for a table (44,101 Hz), the weights are computed when needed, which is
as exact but slower.

No array grows with the track. Beyond its two ends there is silence, unless a filter continues the
first sample.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from math import gcd

import numpy as np
import numpy.typing as npt

from lean_tagger.card import AnyResampler
from lean_tagger.listen.resample_filters import Filter, filter_of

BANK_BYTES = 11 << 20
"""Largest matrices kept for one ratio; 44.1 kHz needs 0.25 MiB, DSD512 2."""

GROUP_OUTPUTS = 20
"""Neighbouring outputs in one row of a product: enough columns for a matrix kernel, but so few
that most of the matrix, in which each column is shifted against the last, is not zero."""

RUN_GROUPS = 8
"""Most groups in one call, with the same step."""

COMPUTED_OUTPUTS = 64
"""Outputs with weights computed together if there is no table."""

INPUT_SAMPLES = 1 << 15
"""Input taken in one step."""

MAX_DECIMATION = 256
"""Above 256 times the model's rate (4 MHz) the filter table has no entries left to stride."""

Floats = npt.NDArray[np.float32]


def resample(
    blocks: Iterable[tuple[int, memoryview]],
    spec: AnyResampler,
    *,
    rate_hz: int,
    chunk_samples: int,
) -> Iterator[memoryview]:
    """Yield chunks of `chunk_samples` at `rate_hz`; only the last one is shorter.

    Parameters
    ----------
    blocks : iterable of (int, memoryview)
        Rate in Hz and float32 mono samples; the rate may change from one to the next.
    spec : AnyResampler
        The filter; not applied if the rates are equal.
    rate_hz : int
        The new rate.
    chunk_samples : int
        Above 0.

    Yields
    ------
    memoryview
        float32, a view of one buffer, valid until the next chunk is asked for. A track of
        n samples becomes ``ceil(n · rate_hz / rate)``.

    Raises
    ------
    ValueError
        `chunk_samples` is not above 0, or a rate is outside 1 Hz to 256 · `rate_hz`.
    """
    if chunk_samples <= 0:
        raise ValueError(f"chunk_samples must be above 0, not {chunk_samples}")
    resampler = Resampler(spec, rate_hz=rate_hz)
    chunk, fill = np.empty(chunk_samples, np.float32), 0
    pieces = (piece for rate, block in blocks for piece in resampler.push(rate, block))
    for samples in chain(pieces, resampler.finish()):
        start = 0
        while start < len(samples):
            count = min(len(samples) - start, chunk_samples - fill)
            chunk[fill : fill + count] = samples[start : start + count]
            start += count
            fill += count
            if fill == chunk_samples:
                yield chunk.data
                fill = 0
    if fill:
        yield chunk[:fill].data


class Resampler:
    """Like `resample`, but takes one block at a time and gives pieces of any size.

    Parameters
    ----------
    spec, rate_hz
        As for `resample`.
    """

    def __init__(self, spec: AnyResampler, *, rate_hz: int) -> None:
        self._spec, self._rate_hz = spec, rate_hz
        self._rate_in: int | None = None
        self._converter: _Converter | None = None

    def push(self, rate_hz: int, block: memoryview | Floats) -> Iterator[Floats]:
        """Take a block of this rate; yield pieces, each valid until the next is asked for.

        If the rates are equal, that is the block itself.

        Raises
        ------
        ValueError
            The rate is outside 1 Hz to 256 times ours.
        """
        if rate_hz != self._rate_in:
            yield from self.finish()
            same = rate_hz == self._rate_hz
            self._converter = None if same else _Converter(self._spec, rate_hz, self._rate_hz)
            self._rate_in = rate_hz
        samples = np.asarray(block, np.float32)
        if self._converter is None:
            yield samples
        else:
            yield from self._converter.push(samples)

    def finish(self) -> Iterator[Floats]:
        """Yield the rest at the end of the track."""
        if self._converter is not None:
            yield from self._converter.finish()


class _Converter:
    """Converts one stream; holds one step of input and the filter's reach."""

    def __init__(self, spec: AnyResampler, rate_in: int, rate_out: int) -> None:
        if not 0 < rate_in <= MAX_DECIMATION * rate_out:
            raise ValueError(f"cannot resample {rate_in} Hz to {rate_out} Hz")
        divisor = gcd(rate_in, rate_out)
        self._up, self._down = rate_out // divisor, rate_in // divisor
        self._filter = filter_of(spec, rate_out / rate_in)
        half = self._filter.half_taps
        self._inputs = 0  # taken so far
        self._outputs = 0  # given so far
        self._span = self._plan()
        # The history begins with silence; the first output's first tap is its first sample.
        self._history = np.zeros(2 * half + self._span + INPUT_SAMPLES, np.float32)
        self._fill = half - 1

    def push(self, samples: Floats) -> Iterator[Floats]:
        """Take input of any length; yield outputs, valid until the next is asked for."""
        if self._filter.holds_first and not self._inputs and len(samples):
            self._history[: self._fill] = samples[:1]
        for start in range(0, len(samples), INPUT_SAMPLES):
            piece = samples[start : start + INPUT_SAMPLES]
            self._inputs += len(piece)
            yield self._take(piece)

    def finish(self) -> Iterator[Floats]:
        """Yield the outputs with taps past the end, where there is silence."""
        wanted = -(-self._inputs * self._up // self._down)
        silence = np.zeros(min(self._span + self._filter.half_taps, INPUT_SAMPLES), np.float32)
        while (missing := wanted - self._outputs) > 0:
            yield self._take(silence)[:missing]

    def _take(self, piece: Floats) -> Floats:
        """Append to the history, compute outputs, drop what is not needed any more."""
        self._history[self._fill : self._fill + len(piece)] = piece
        self._fill += len(piece)
        consumed, out = self._step(self._history[: self._fill])
        self._fill -= consumed
        self._history[: self._fill] = self._history[consumed : consumed + self._fill]
        self._outputs += len(out)
        return out

    def _plan(self) -> int:
        """Choose between a table of weights and computing them each time; return a step's span."""
        half = self._filter.half_taps
        # At absurd rates an output has thousands of taps: limit a group's weights to 1 MiB.
        self._group = max(4, min(COMPUTED_OUTPUTS, (1 << 16) // half))
        unit = GROUP_OUTPUTS // gcd(self._up, GROUP_OUTPUTS)
        banks = unit * self._up // GROUP_OUTPUTS
        run = gcd(banks, RUN_GROUPS)
        # Of a group, in inputs; and the zeros that give its run a single step.
        reach = GROUP_OUTPUTS * self._down // self._up + 2 * half + run
        # A row has several periods: whole groups, and at least a group's reach, since a product
        # over overlapping rows does not use the BLAS and is 40 times slower.
        self._units = -(-reach // (self._down * unit))
        columns = self._up * unit * self._units
        self._advance = self._down * unit * self._units
        if banks * reach * GROUP_OUTPUTS * 4 > BANK_BYTES:
            self._banks = np.empty((0, run, reach, GROUP_OUTPUTS), np.float32)
            return self._group * self._down // self._up + 1
        self._banks = _banks(self._filter, self._up, self._down, run, reach)
        self._reach = self._advance + 2 * half + run  # of a row
        count = (INPUT_SAMPLES + self._reach) // self._advance + 1
        self._rows = np.empty((count, columns), np.float32)
        return self._reach - 2 * half

    def _step(self, history: Floats) -> tuple[int, Floats]:
        """Return the number of inputs used up, and the outputs from them."""
        if not len(self._banks):
            return self._step_computed(history)
        runs, groups, taps, _ = self._banks.shape
        count = max(0, (len(history) - self._reach) // self._advance + 1)
        outputs, item = self._rows[:count], history.itemsize
        parts = outputs.reshape(count, self._units, runs, groups, GROUP_OUTPUTS)
        step = GROUP_OUTPUTS * self._down // self._up
        strides = [n * item for n in (self._advance // self._units, step, self._advance, 1)]
        for number in range(runs if count else 0):
            first = number * groups * GROUP_OUTPUTS * self._down // self._up
            # Nothing is copied: there are views of units, groups, rows and taps, and of the
            # result. Few calls, since each takes Python's lock, and decoding waits for it.
            shape = self._units, groups, count, taps
            inputs = np.ndarray(shape, np.float32, history.data, first * item, strides)
            out = parts[:, :, number].transpose(1, 2, 0, 3)
            np.matmul(inputs, self._banks[number], out=out)
        return count * self._advance, outputs.reshape(-1)

    def _step_computed(self, history: Floats) -> tuple[int, Floats]:
        """Compute the weights of each group of outputs each time, without a bank."""
        half = self._filter.half_taps
        base = self._outputs * self._down // self._up
        taps = (
            np.lib.stride_tricks.sliding_window_view(history, 2 * half)
            if len(history) >= 2 * half
            else None
        )
        pieces: list[Floats] = []
        done = self._outputs
        while taps is not None:
            starts, fractions = _positions(done, self._group, up=self._up, down=self._down)
            if starts[-1] - base >= len(taps):
                break
            weights = self._filter.weights(fractions).astype(np.float32)
            pieces.append(np.einsum("ij,ij->i", taps[starts - base], weights))
            done += self._group
        consumed = done * self._down // self._up - base
        return consumed, np.concatenate(pieces) if pieces else np.empty(0, np.float32)


@lru_cache(maxsize=1)  # for the next file of the same rate, and for the next part of this one
def _banks(table: Filter, up: int, down: int, run: int, reach: int) -> Floats:
    """Return the weights of all groups of outputs, (runs, groups, inputs, outputs).

    In a run of groups, each group's first input is the same whole number of samples after the
    previous group's. The first tap differs from that by less than a sample per group; zeros fill
    the difference.
    """
    step, taps = GROUP_OUTPUTS * down // up, 2 * table.half_taps
    count = up // gcd(up, GROUP_OUTPUTS)
    banks = np.zeros((count // run, run, reach, GROUP_OUTPUTS), np.float32)
    for number, bank in enumerate(banks.reshape(count, reach, GROUP_OUTPUTS)):
        starts, fractions = _positions(number * GROUP_OUTPUTS, GROUP_OUTPUTS, up=up, down=down)
        place = number % run
        starts -= (number - place) * GROUP_OUTPUTS * down // up + place * step
        for column, (start, weights) in enumerate(
            zip(starts, table.weights(fractions), strict=True)
        ):
            bank[start : start + taps, column] = weights
    banks.flags.writeable = False
    return banks


def _positions(
    first: int, count: int, *, up: int, down: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the whole and fractional input positions of outputs, in exact integers."""
    scaled = np.arange(first, first + count, dtype=np.int64) * down
    return scaled // up, (scaled % up) / up
