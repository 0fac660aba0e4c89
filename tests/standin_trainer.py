"""A trainer that trains nothing and looks like a GAN's: what runs and monitors are tried with.

It is importable from a notebook's kernel too, with `tests` on its path.
"""

import time
from types import SimpleNamespace

import numpy as np

from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.training.progress import Progress

BAND = {
    "empty_bar_rate": (0.0, 0.08),
    "distinct_pitches_per_bar": (2.6, 3.8),
    "in_scale_ratio": (0.9, 0.98),
    "polyphonic_rate": (0.3, 0.55),
    "drum_in_pattern": (0.86, 0.97),
}
AT_FIRST = {
    "empty_bar_rate": 0.35,
    "distinct_pitches_per_bar": 9.0,
    "in_scale_ratio": 0.58,
    "polyphonic_rate": 0.95,
    "drum_in_pattern": 0.5,
}


def until(true, seconds=10):
    """Wait until a function says so, and fail when it does not for so long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


class OneNetwork:
    """Like the AR-CNN's trainer: updates, a loss, validation figures now and then."""

    def __init__(self, updates=40, seconds=0.0, fails_at=None, total=None):
        self.total_steps, self.step, self.seconds = updates if total is None else total, 0, seconds
        self.fails_at, self.saved = fails_at, []

    def __iter__(self):
        while self.step < self.total_steps:
            yield self.take("")

    def take(self, updated):
        time.sleep(self.seconds)
        if updated != "discriminator":
            self.step += 1
        if self.fails_at == self.step:
            raise ZeroDivisionError("division by zero")
        return self.progress(updated)

    def progress(self, updated):
        return Progress(
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.step / 10,
            loss=2 / (1 + self.step / 10),
            metrics={"loss": 1 / self.step} if self.step % 10 == 0 else {},
            seconds=self.step * self.seconds,
            seconds_left=(self.total_steps - self.step) * self.seconds,
        )

    def save(self, name, *, description="", directory=None):
        if not name.isidentifier():
            raise ValueError(
                f"A model's name has small letters, digits and underscores, such as my_bach; got {name!r}."
            )
        self.saved.append((name, self.step))
        return SimpleNamespace(name=name, version=1)


class TwoNetworks(OneNetwork):
    """Like a GAN's trainer: one generator update after five of the discriminator, samples every tenth."""

    update_ratio = 5

    def __init__(self, updates=40, seconds=0.0, fails_at=None):
        super().__init__(updates, seconds, fails_at)
        self.band, self.kept = BAND, []
        self.discriminator_updates = 0
        self.random = np.random.default_rng(7)
        self.samples = [(0.0, self.pairs(0))]

    def __iter__(self):
        while self.step < self.total_steps:
            for _ in range(self.update_ratio):
                yield self.discriminator_step()
            yield self.generator_step()

    def discriminator_step(self):
        self.discriminator_updates += 1
        return self.take("discriminator")

    def generator_step(self):
        progress = self.take("generator")
        if self.step % 10 == 0:
            self.samples.append((self.step / 10, self.pairs(self.step / self.total_steps)))
        return progress

    def keep(self, path):
        self.kept.append(path)

    def progress(self, updated):
        done = self.step / self.total_steps
        noise = self.random.normal(0, 0.05)
        losses = {
            "discriminator": {"discriminator": 0.35 + 1.4 * np.exp(-9 * done) + noise},
            "generator": {"generator": 0.7 + 0.6 * np.exp(-3 * done) + noise},
        }[updated]
        metrics = {
            name: first + (sum(self.band[name]) / 2 - first) * (1 - np.exp(-4 * done)) + noise / 10
            for name, first in AT_FIRST.items()
        }
        return Progress(
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.step / 10,
            loss=next(iter(losses.values())),
            metrics=metrics if updated == "generator" and self.step % 5 == 0 else {},
            seconds=self.step * self.seconds * 6,
            seconds_left=(self.total_steps - self.step) * self.seconds * 6,
            losses=losses,
            scores={"real": 0.8 - 0.3 * done + noise, "generated": -0.9 + 0.6 * done + noise},
            gradient_norms={updated: 1.0},
            updated=updated,
        )

    def pairs(self, done):
        melodies = [sample_melody(name) for name in ("ode_to_joy", "frere_jacques")]
        return {
            f"{melody.title}, noise {noise}": self.music(done, melody, noise) for melody in melodies for noise in (1, 2)
        }

    def music(self, done, melody, noise):
        """A melody with chords, a bass and drums that are noise at first and fall into place."""
        random = np.random.default_rng(noise)
        bars = 8
        keys, bass, drums = [], [], []
        for step in range(bars * 8):
            onset, chord = step / 2, (48, 55)[step // 8 % 2]
            for part, pitches in ((keys, (chord + 12, chord + 16, chord + 19)), (bass, (chord - 12,))):
                if step % 4 == 0 and random.random() < 0.2 + done:
                    part += [Note(onset, pitch, 1.9) for pitch in pitches]
                if random.random() < 1 - done:
                    part += [
                        Note(onset, int(pitch), 0.4) for pitch in np.unique(random.integers(-9, 10, 2)) + pitches[0]
                    ]
            if step % 2 == 0 or random.random() < 0.5 * (1 - done):
                drums.append(Note(onset, (36, 42, 38, 42)[step // 2 % 4] if random.random() < 0.3 + done else 45, 0.4))
        tracks = [
            Track(melody.trim(0, bars * 4).notes, "Melody"),
            Track(keys, "Keys"),
            Track(bass, "Bass"),
            Track(drums, "Drums", is_drum=True),
        ]
        return Composition(tracks, title=melody.title)
