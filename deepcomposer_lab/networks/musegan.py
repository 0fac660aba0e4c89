r"""MuseGAN: a generator of several tracks that fit a melody, and the critic it learns from.

From Dong et al. 2018, "MuseGAN" (AAAI), this keeps what the name stands for:

- **time in two stages**: a *temporal generator* first makes one vector a bar, so that bars belong together; a *bar
  generator* then fills each bar;
- **shared and private**: one trunk decides what all tracks have in common, such as the harmony; then every track has
  layers of its own;
- **four kinds of noise**: for all tracks or for one, for the whole piece or for each bar. Hold one, draw another anew,
  and you hear what it is responsible for;
- **conditional on a track**: the melody is read bar by bar and handed to every stage (section 3.4);

What is different here, and why:

- convolutions slide over *time* alone, and the pitches of a track are channels. Music is shown in C, so a row always
  means the same degree, and nothing has to be learnt twelve times. It costs a small part of two-dimensional ones;
- a piece may have any number of bars;
- what leaves the generator is 0 or 1 already, by **straight-through binary neurons** (Dong and Yang 2018, "BMuseGAN"):
  no threshold to tune, and the critic cannot tell fakes by their in-between values;
- an **encoder** hears real accompaniments in training and writes down noise from which they can be made again (a
  variational autoencoder beside the GAN: Larsen et al. 2016, Zhu et al. 2017 "BicycleGAN"). Without it the generator
  soon ignores the noise, and every seed sounds alike;
- the critic is also told which intervals sound together, track by track, beside the bare notes.

Shapes: B pieces, T steps, N = T / steps_per_bar bars, K added tracks, M rows of the melody, R rows of all added tracks.

Lesson: notebooks/06_musegan.ipynb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    interpolate,
    one_hot,
)

BEATS_PER_BAR = 4
PHRASE_BARS = 4  # a bar also knows which of four it is: fills come at the ends of phrases


@dataclass(frozen=True)
class MuseGANConfig:
    """Sizes of generator, encoder and critic."""

    melody_rows: int
    melody_lowest: int  # the pitch class of a row is needed for harmony
    track_kinds: tuple[str, ...]  # "drums", "line" or "chords"
    track_rows: tuple[int, ...]
    track_lowest: tuple[int, ...]
    steps_per_beat: int = 4
    bar_width: int = 192  # channels of one bar's vector
    beat_width: int = 128
    step_width: int = 64  # channels of one track's steps
    shared_noise: int = 12  # numbers for the whole piece, all tracks
    private_noise: int = 12  # … for the whole piece, one track
    shared_bar_noise: int = 6  # … for each bar, all tracks
    private_bar_noise: int = 6  # … for each bar, one track
    critic_width: int = 48
    track_strides: tuple[int, ...] = ()  # every how many steps a track may change; none given: wherever it likes

    def __post_init__(self) -> None:
        if not self.track_strides:
            object.__setattr__(self, "track_strides", (1,) * len(self.track_kinds))

    @property
    def steps_per_bar(self) -> int:
        """Columns of a bar."""
        return BEATS_PER_BAR * self.steps_per_beat

    @property
    def tracks(self) -> int:
        """K."""
        return len(self.track_kinds)

    @property
    def track_logits(self) -> tuple[int, ...]:
        """How many numbers a step each track's own layers end in; see `binarise`."""
        sizes = {"drums": (1, 0), "line": (1, 2), "chords": (2, 1)}
        return tuple(
            sizes[kind][0] * rows + sizes[kind][1] for kind, rows in zip(self.track_kinds, self.track_rows, strict=True)
        )


class Noise(NamedTuple):
    """What chance decides: four kinds of numbers, each from a normal distribution."""

    shared: Tensor  # (B, S)
    private: Tensor  # (B, K, P)
    shared_bar: Tensor  # (B, SB, N)
    private_bar: Tensor  # (B, K, PB, N)

    @classmethod
    def draw(cls, config: MuseGANConfig, batch: int, bars: int, random: torch.Generator | None = None) -> Noise:
        """Draw noise for `batch` pieces of `bars` bars."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random)

        return cls(
            normal(batch, config.shared_noise),
            normal(batch, config.tracks, config.private_noise),
            normal(batch, config.shared_bar_noise, bars),
            normal(batch, config.tracks, config.private_bar_noise, bars),
        )


class ChannelNorm(nn.Module):
    """Normalises the channels of every column by themselves: (B, C, T) -> (B, C, T); grouped ones, group by group.

    Batch normalisation would mix two kinds of noise, that of the encoder and that of chance, in one average, and the
    generator would be another network once training is over. This one is the same always, and however long a piece is.
    """

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Give each column of each group mean 0 and deviation 1, then stretch and move every channel."""
        grouped = x.unflatten(1, (self.groups, -1))  # (B, groups, C / groups, T)
        centred = grouped - grouped.mean(dim=2, keepdim=True)
        scale = torch.rsqrt(centred.square().mean(dim=2, keepdim=True) + 1e-5)
        return (centred * scale).flatten(1, 2) * self.weight[:, None] + self.bias[:, None]


def convolution(inputs: int, outputs: int, width: int = 3, *, groups: int = 1) -> nn.Sequential:
    """A convolution along time, normalised and rectified: (B, inputs, T) -> (B, outputs, T)."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, width, padding=width // 2, groups=groups, bias=False),
        ChannelNorm(outputs, groups),
        nn.ReLU(inplace=True),
    )


def gathered(inputs: int, outputs: int, factor: int, *, groups: int = 1) -> nn.Sequential:
    """A convolution that makes one column of `factor`: (B, inputs, factor · T) -> (B, outputs, T)."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, factor, stride=factor, groups=groups, bias=False),
        ChannelNorm(outputs, groups),
        nn.ReLU(inplace=True),
    )


class Reading(NamedTuple):
    """What a generator has read in melodies, before any noise: one reading serves many answers."""

    steps: Tensor  # (B, step_width, T)
    beats: Tensor  # (B, beat_width, 4 N)
    bars: Tensor  # (B, bar_width, N)
    levels: tuple[Tensor, ...] = ()  # the U-Net's images of it, finest first

    def first(self, count: int) -> Reading:
        """Return the reading of the first `count` melodies."""
        levels = tuple(level[:count] for level in self.levels)
        return Reading(self.steps[:count], self.beats[:count], self.bars[:count], levels)


class MelodyReader(nn.Module):
    """Reads the melody at three speeds: what it does in a step, in a beat, in a bar."""

    def __init__(self, config: MuseGANConfig) -> None:
        super().__init__()
        self.steps = nn.Sequential(
            convolution(2 * config.melody_rows, config.beat_width, 5),
            convolution(config.beat_width, config.step_width),
        )
        self.beats = nn.Sequential(
            gathered(config.step_width, config.beat_width, config.steps_per_beat),
            convolution(config.beat_width, config.beat_width),
        )
        self.bars = nn.Sequential(
            gathered(config.beat_width, config.bar_width, BEATS_PER_BAR),
            convolution(config.bar_width, config.bar_width),
        )

    def forward(self, melody: Tensor) -> Reading:
        """(B, 2, M, T) -> (B, step_width, T), (B, beat_width, 4 N), (B, bar_width, N)."""
        steps = self.steps(melody.flatten(1, 2))
        beats = self.beats(steps)
        return Reading(steps, beats, self.bars(beats))


class Generator(nn.Module):
    """Melody and noise in, the logits of every added track out; `binarise` makes notes of them."""

    def __init__(self, config: MuseGANConfig) -> None:
        super().__init__()
        self.config = config
        K, width = config.tracks, config.step_width
        self.reader = MelodyReader(config)
        # The temporal generator: one vector a bar, from what the melody does there and from the noise of all tracks.
        self.temporal = nn.Sequential(
            convolution(
                config.bar_width + config.shared_noise + config.shared_bar_noise + PHRASE_BARS, config.bar_width
            ),
            convolution(config.bar_width, config.bar_width),
        )
        # The shared part of the bar generator: harmony, beat by beat.
        self.shared = nn.Sequential(
            convolution(config.bar_width + config.beat_width + BEATS_PER_BAR, config.beat_width),
            convolution(config.beat_width, config.beat_width),
        )
        # The private parts, one a track, computed side by side: a grouped convolution keeps the tracks apart.
        noise = config.private_noise + config.private_bar_noise
        self.private_beats = nn.Sequential(
            convolution(K * (config.beat_width + noise + PHRASE_BARS), K * config.beat_width, groups=K),
            convolution(K * config.beat_width, K * width, groups=K),
        )
        self.private_steps = nn.Sequential(
            convolution(K * (2 * width + config.steps_per_bar), K * width, 5, groups=K),
            convolution(K * width, K * width, groups=K),
        )
        self.heads = nn.ModuleList(nn.Conv1d(width, logits, 1) for logits in config.track_logits)
        for head, kind in zip(self.heads, config.track_kinds, strict=True):
            assert isinstance(head, nn.Conv1d) and head.bias is not None  # noqa: PT018
            nn.init.constant_(head.bias, -1.0)  # music is mostly silence, row by row
            if kind != "drums":
                nn.init.constant_(head.bias[-1:], 0.0)  # but something happens: before it learns it makes noise

    def forward(self, melody: Tensor, noise: Noise) -> list[Tensor]:
        """(B, 2, M, T), noise -> for each track (B, logits, T)."""
        return self.answer(self.read(melody), noise)

    def read(self, melody: Tensor) -> Reading:
        """(B, 2, M, T) -> what no noise decides. Training draws several answers to a melody and reads it once."""
        return self.reader(melody)  # type: ignore[no-any-return]

    def answer(self, reading: Reading, noise: Noise) -> list[Tensor]:
        """Answer to what was read: reading, noise -> for each track (B, logits, T)."""
        config = self.config
        steps, beats, bars, _ = reading
        B, K, N = len(steps), config.tracks, bars.shape[-1]

        phrase = place(N, PHRASE_BARS, B)  # (B, 4, N)
        held = noise.shared[:, :, None].expand(-1, -1, N)  # (B, S, N)
        bars = self.temporal(torch.cat([bars, held, noise.shared_bar, phrase], dim=1))  # (B, bar_width, N)

        of_bar = place(BEATS_PER_BAR * N, BEATS_PER_BAR, B)  # (B, 4, 4 N)
        shared = self.shared(torch.cat([repeated(bars, BEATS_PER_BAR), beats, of_bar], dim=1))  # (B, beat_width, 4 N)

        private = noise.private[..., None].expand(-1, -1, -1, N)  # (B, K, P, N)
        private = torch.cat([private, noise.private_bar, phrase[:, None].expand(-1, K, -1, -1)], dim=2)
        private = repeated(private.flatten(1, 2), BEATS_PER_BAR).unflatten(1, (K, -1))  # (B, K, P + PB + 4, 4 N)
        own = torch.cat([shared[:, None].expand(-1, K, -1, -1), private], dim=2)
        own = self.private_beats(own.flatten(1, 2))  # (B, K · step_width, 4 N)

        own = repeated(own, config.steps_per_beat).unflatten(1, (K, -1))  # (B, K, step_width, T)
        of_step = place(config.steps_per_bar * N, config.steps_per_bar, B)  # (B, steps_per_bar, T)
        beside = torch.cat([steps, of_step], dim=1)[:, None].expand(-1, K, -1, -1)
        own = self.private_steps(torch.cat([own, beside], dim=2).flatten(1, 2))  # (B, K · step_width, T)
        return [head(track) for head, track in zip(self.heads, own.chunk(K, dim=1), strict=True)]


def repeated(x: Tensor, factor: int) -> Tensor:
    """Repeat every column: (B, C, T) -> (B, C, factor · T)."""
    return interpolate(x, scale_factor=float(factor), mode="nearest")


def place(length: int, period: int, batch: int) -> Tensor:
    """Say of each column which of `period` it is: (B, period, length), 1 in one row, 0 in the others."""
    return one_hot(torch.arange(length) % period, period).T.float().expand(batch, -1, -1)


# --- From logits to notes ---------------------------------------------------------------------------------------


def binarise(logits: Tensor, kind: str, rows: int, stride: int = 1) -> Tensor:
    """Make notes of a track's logits: (B, logits, T) -> (B, 2, rows, T), onset and sound, each exactly 0 or 1.

    The gradient passes as if nothing had been rounded ("straight-through", Bengio et al. 2013).

    Of a line and of chords one logit a step says whether anything happens there, an **event**. Without one all goes on
    as it was; with one every row is decided anew: of chords those sound whose logit is above 0, of a line the row with
    the largest logit, unless that of silence is larger. So a note is as long as nothing happens, and cannot flicker. At
    an event a row of chords that sounds on is struck again where its second logit is above 0; a line always is.

    With a `stride` events lie on its multiples alone, so no note is shorter: strings that move in eighths.
    """
    if kind == "drums":  # rows
        sound = _rounded(logits.sigmoid())
        return torch.stack([sound, sound], dim=1)
    if kind == "line":  # rows, silence, event
        probabilities = logits[:, : rows + 1].softmax(dim=1)
        chosen = one_hot(probabilities.argmax(dim=1), rows + 1).movedim(-1, 1).float()
        fresh = (chosen + (probabilities - probabilities.detach()))[:, :rows]
        events = _on_grid(_rounded(logits[:, rows + 1 :].sigmoid()), stride)  # (B, 1, T)
        sound = _held(fresh, events)
        return torch.stack([sound * events, sound], dim=1)
    fresh = _rounded(logits[:, :rows].sigmoid())  # rows, each struck again, event
    again = _rounded(logits[:, rows : 2 * rows].sigmoid())
    events = _on_grid(_rounded(logits[:, 2 * rows :].sigmoid()), stride)
    sound = _held(fresh, events)
    before = _later(sound, 1)
    return torch.stack([sound * events * (1 - before * (1 - again)), sound], dim=1)


def played(config: MuseGANConfig, logits: Sequence[Tensor]) -> list[Tensor]:
    """Make notes of every track's logits, by its kind; see `binarise`."""
    tracks = zip(logits, config.track_kinds, config.track_rows, config.track_strides, strict=True)
    return [binarise(*track) for track in tracks]


def _rounded(probabilities: Tensor) -> Tensor:
    # The brackets make the value exactly 0 or 1: from left to right it could come out as 0.9999999.
    return (probabilities > 0.5).float() + (probabilities - probabilities.detach())


def _on_grid(events: Tensor, stride: int) -> Tensor:
    """Keep the events on multiples of `stride` steps: (B, 1, T) -> (B, 1, T)."""
    if stride == 1:
        return events
    return events * (torch.arange(events.shape[-1], device=events.device) % stride == 0)


def _held(fresh: Tensor, events: Tensor) -> Tensor:
    """Return what sounds: decided anew at events, held between them: (B, rows, T), (B, 1, T) -> (B, rows, T).

    sound[t] = event[t] · fresh[t] + (1 − event[t]) · sound[t − 1]. Step by step it would take T turns; here every turn
    doubles how far back a step has looked, so log₂ T do (Hillis and Steele 1986, "Data parallel algorithms").
    """
    sound, held = events * fresh, 1 - events  # of the last step alone: what it decides, whether it leaves all as it was
    reach = 1
    while reach < fresh.shape[-1]:
        sound = sound + held * _later(sound, reach)
        held = held * _later(held, reach)
        reach *= 2
    return sound


def _later(x: Tensor, steps: int) -> Tensor:
    """Move along time, with 0 before the start: (B, C, T) -> (B, C, T)."""
    return nn.functional.pad(x, (steps, 0))[..., :-steps]


def reconstruction_loss(logits: Tensor, planes: Tensor, kind: str) -> Tensor:
    """Return how badly logits foretell real notes, in nats a step: (B, logits, T), (B, 2, rows, T) -> scalar.

    Events everywhere; what sounds, and what is struck again, where there is one.
    """
    onset, sound = planes.unbind(dim=1)
    rows, steps = sound.shape[1:]
    if kind == "drums":
        return binary_cross_entropy_with_logits(logits, sound, reduction="sum") / (len(sound) * steps)
    before = _later(sound, 1)
    events = torch.maximum(onset, (sound - before).abs()).amax(dim=1, keepdim=True)  # (B, 1, T)
    if kind == "line":
        silent = 1 - sound.sum(dim=1, keepdim=True)
        target = torch.cat([sound, silent], dim=1).argmax(dim=1)  # (B, T)
        pitch = (cross_entropy(logits[:, : rows + 1], target, reduction="none") * events[:, 0]).sum()
        told = logits[:, rows + 1 :]
    else:
        pitch = binary_cross_entropy_with_logits(
            logits[:, :rows], sound, weight=events.expand_as(sound), reduction="sum"
        )
        again = logits[:, rows : 2 * rows]
        pitch = pitch + binary_cross_entropy_with_logits(again, onset, weight=sound * before * events, reduction="sum")
        told = logits[:, 2 * rows :]
    return (pitch + binary_cross_entropy_with_logits(told, events, reduction="sum")) / (len(sound) * steps)


# --- The encoder: from real accompaniments to noise --------------------------------------------------------------


class Encoder(nn.Module):
    """Hears an accompaniment and says from which noise it might have been made: means and deviations.

    Used in training alone. What it may say is taxed (`divergence`), so it says only what the melody does not tell.
    """

    def __init__(self, config: MuseGANConfig) -> None:
        super().__init__()
        self.config = config
        K, width = config.tracks, config.step_width
        self.stems = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(2 * rows, width, config.steps_per_beat, stride=config.steps_per_beat),
                nn.LeakyReLU(0.2),
                convolution(width, width),
                gathered(width, width, BEATS_PER_BAR),
            )
            for rows in config.track_rows
        )
        self.private = nn.Conv1d(K * width, K * 2 * (config.private_noise + config.private_bar_noise), 1, groups=K)
        self.shared = nn.Conv1d(K * width, 2 * (config.shared_noise + config.shared_bar_noise), 1)

    def forward(self, tracks: Sequence[Tensor]) -> tuple[Noise, Noise]:
        """For each track (B, 2, rows, T) -> means, and logarithms of the deviations."""
        config, K = self.config, self.config.tracks
        heard = [stem(track.flatten(1, 2)) for stem, track in zip(self.stems, tracks, strict=True)]  # (B, width, N)
        together = torch.cat(heard, dim=1)
        private = self.private(together).unflatten(1, (K, 2, -1))  # (B, K, 2, P + PB, N)
        shared = self.shared(together).unflatten(1, (2, -1))  # (B, 2, S + SB, N)
        P, S = config.private_noise, config.shared_noise
        moments = []
        for part in (0, 1):
            moments.append(
                Noise(
                    shared[:, part, :S].mean(dim=-1),
                    private[:, :, part, :P].mean(dim=-1),
                    shared[:, part, S:],
                    private[:, :, part, P:],
                )
            )
        means, deviations = moments
        return means, Noise(*(part.clamp(-4, 2) for part in deviations))


def sampled(means: Noise, deviations: Noise, random: torch.Generator | None = None) -> Noise:
    """Draw noise with these means and logarithms of deviations (Kingma and Welling 2014, "reparameterisation")."""
    return Noise(
        *(
            mean + deviation.exp() * torch.randn(mean.shape, generator=random)
            for mean, deviation in zip(means, deviations, strict=True)
        )
    )


def divergence(means: Noise, deviations: Noise, free: float = 0.0) -> Tensor:
    """Return how far noise lies from a normal distribution: Kullback-Leibler, nats a piece, mean over pieces.

    Parameters
    ----------
    free : float
        Nats of each number, on average over the batch, that are not taxed.
    """
    total = means.shared.new_zeros(())
    for mean, deviation in zip(means, deviations, strict=True):
        nats = 0.5 * (mean**2 + (2 * deviation).exp() - 1) - deviation
        total = total + nats.mean(dim=0).clamp_min(free).sum()
    return total


# --- The critic ---------------------------------------------------------------------------------------------------


class Critic(nn.Module):
    """Scores every bar of an accompaniment beside its melody: high for what sounds real, low for what sounds made.

    It hears four streams: the notes of each track; pitch classes; which intervals sound together, for every two tracks;
    and how many notes start at each step. The last three hide in the first, but a critic that is told them need not
    find them out.
    """

    def __init__(self, config: MuseGANConfig) -> None:
        super().__init__()
        self.config = config
        width = config.critic_width
        per_beat = config.steps_per_beat
        rows = (config.melody_rows, *config.track_rows)
        self.stems = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(2 * count, width, 3, padding=1),
                nn.LeakyReLU(0.2),
                nn.Conv1d(width, width, per_beat, stride=per_beat),
                nn.LeakyReLU(0.2),
            )
            for count in rows
        )
        self.pitched = [0, *(1 + index for index, kind in enumerate(config.track_kinds) if kind != "drums")]
        pairs = len(self.pitched) * (len(self.pitched) - 1) // 2
        self.harmony = nn.Sequential(
            nn.Conv1d(12 * (len(self.pitched) + pairs), 2 * width, 3, padding=1), nn.LeakyReLU(0.2)
        )
        self.rhythm = nn.Sequential(nn.Conv1d(len(rows), width, per_beat, stride=per_beat), nn.LeakyReLU(0.2))
        self.beats = nn.Sequential(nn.Conv1d(width * (len(rows) + 3), 3 * width, 3, padding=1), nn.LeakyReLU(0.2))
        self.bars = nn.Sequential(
            nn.Conv1d(3 * width, 4 * width, BEATS_PER_BAR, stride=BEATS_PER_BAR),
            nn.LeakyReLU(0.2),
            nn.Conv1d(4 * width, 4 * width, 3, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.head = nn.Conv1d(4 * width, 1, 1)
        for index in self.pitched:
            low, count = ((config.melody_lowest, *config.track_lowest)[index], rows[index])
            folding = one_hot((low + torch.arange(count)) % 12, 12).T.float()  # (12, rows)
            self.register_buffer(f"folding_{index}", folding, persistent=False)

    def features(self, melody: Tensor, tracks: Sequence[Tensor]) -> Tensor:
        """(B, 2, M, T), for each track (B, 2, rows, T) -> (B, 4 · width, N): what the score is made from."""
        music = [melody, *tracks]
        notes = [stem(track.flatten(1, 2)) for stem, track in zip(self.stems, music, strict=True)]  # (B, width, 4 N)
        chroma = self.chroma(music)  # (B, pitched, 12, 4 N)
        harmony = self.harmony(torch.cat([chroma.flatten(1, 2), intervals(chroma).flatten(1, 2)], dim=1))
        onsets = torch.stack([track[:, 0].sum(dim=1) for track in music], dim=1)  # (B, K + 1, T)
        beats = self.beats(torch.cat([*notes, harmony, self.rhythm(onsets)], dim=1))  # (B, 3 width, 4 N)
        return self.bars(beats)

    def forward(self, melody: Tensor, tracks: Sequence[Tensor]) -> Tensor:
        """(B, 2, M, T), for each track (B, 2, rows, T) -> (B, N)."""
        return self.head(self.features(melody, tracks))[:, 0]

    def chroma(self, music: Sequence[Tensor]) -> Tensor:
        """Return how long each pitch class sounds in each beat, in beats: (B, pitched, 12, 4 N)."""
        found = []
        for index in self.pitched:
            folding: Tensor = getattr(self, f"folding_{index}")
            classes = folding @ music[index][:, 1]  # (B, 12, T)
            found.append(nn.functional.avg_pool1d(classes, self.config.steps_per_beat))
        return torch.stack(found, dim=1)


def intervals(chroma: Tensor) -> Tensor:
    """Return for every two tracks how much of each interval sounds between them.

    (B, tracks, 12, T) -> (B, pairs, 12, T); entry i of a pair is Σ_p a[p] · b[p + i], pitch classes around the circle.
    """
    turned = torch.stack([chroma.roll(-interval, dims=2) for interval in range(12)], dim=2)  # (B, tracks, 12, 12, T)
    found = [
        (chroma[:, one, None] * turned[:, other]).sum(dim=2)  # (B, 12, T)
        for one, other in combinations(range(chroma.shape[1]), 2)
    ]
    return torch.stack(found, dim=1)
