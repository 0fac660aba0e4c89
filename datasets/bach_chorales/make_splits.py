"""Decide which chorales may be trained on, and write splits.json.

    python datasets/bach_chorales/make_splits.py --jsb Jsb16thSeparated.npz

The JSB chorales (Boulanger-Lewandowski, Bengio and Vincent, ICML 2012; the four-voice sixteenth-grid file of
czhuang/JSB-Chorales-dataset) are the field's public benchmark, split 229/76/77. music21's corpus holds nearly all of
them, often twice and in several harmonisations, so a split by file would leak. The rules:

1. A file is mapped to the JSB piece it agrees with best, where at least half of the frames agree (`agreement`).
2. JSB training pieces may be trained on. Of each JSB validation and test piece, the file that agrees best is our
   validation or test piece.
3. A file without a JSB piece may be trained on when it shares no melody with a validation or test piece.
4. No training piece agrees with a validation or test piece on half of its frames, in any transposition.
5. A test piece's melody counts as heard when some training piece shares it (`share_melody`), read from the file or
   from its JSB piece.

What may be neither trained on nor tested on is left out, with the reason beside it.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prepare import HERE, JSB_SPLITS, corpus_folder, natural_order, read_corpus

from deepcomposer_lab.datasets import read_jsb_frames
from deepcomposer_lab.datasets.saving import json_lines

HALF = 0.5
RUN = 16  # frames: the shortest passage that counts when repeats make one alignment impossible; a bar of 4/4
GRAM = 6  # intervals between 7 notes
SHARED_GRAMS = 0.35

OUR_SPLIT = {"train": "train", "valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Frames:
    """The sounding frames of a piece, described so that transposition changes nothing.

    `shape` numbers each frame's intervals below its highest voice and which voices rest, `top` is the highest pitch,
    `step` where the frame stands. Frames in which all voices rest are left out: silence agrees with every silence.
    """

    shape: np.ndarray
    top: np.ndarray
    step: np.ndarray
    soprano: np.ndarray

    @classmethod
    def of(cls, frames: np.ndarray) -> Frames:
        """Describe int (steps, 4) pitches, −1 for a rest."""
        steps = np.flatnonzero((frames >= 0).any(axis=1))
        sounding = frames[steps].astype(np.int64)
        top = sounding.max(axis=1)
        below = np.where(sounding >= 0, top[:, None] - sounding, 127)
        return cls(below @ (128 ** np.arange(4)), top, steps, frames[:, 0])

    def __len__(self) -> int:
        return len(self.shape)

    def passages(self) -> np.ndarray:
        """Return one number for each run of RUN frames: equal runs, in whatever transposition, get equal numbers."""
        if len(self) < RUN:
            return np.empty(0, np.int64)
        movement = np.diff(self.top, prepend=self.top[:1])
        with np.errstate(over="ignore"):
            total = np.zeros(len(self) - RUN + 1, np.int64)
            for i in range(RUN):
                window = slice(i, len(self) - RUN + 1 + i)
                total = total * np.int64(1_000_003) + self.shape[window] * np.int64(2_654_435_761)
                if i:
                    total = total * np.int64(1_000_033) + movement[window] + 200
        return total


def aligned_agreement(a: Frames, b: Frames) -> float:
    """Return the share of the shorter piece's frames equal to the other's, at the best shift and transposition."""
    order_a, order_b = np.argsort(a.shape, kind="stable"), np.argsort(b.shape, kind="stable")
    shapes_a, shapes_b = a.shape[order_a], b.shape[order_b]
    first = np.searchsorted(shapes_b, shapes_a, "left")
    count = np.searchsorted(shapes_b, shapes_a, "right") - first
    total = int(count.sum())
    if total == 0:
        return 0.0
    # Every pair of frames of one shape votes for the shift and the transposition that would lay one on the other.
    i = np.repeat(order_a, count)
    j = order_b[np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(total)]
    votes = (a.step[i] - b.step[j]) * 512 + a.top[i] - b.top[j]
    return float(np.unique(votes, return_counts=True)[1].max() / min(len(a), len(b)))


def passage_agreement(a: Frames, b: Frames) -> float:
    """Return the larger share of either piece's frames that lie in a passage of RUN frames which the other has too.

    It finds what no single alignment does: the same chorale with its repeats written out.
    """
    return max(_covered(a, b), _covered(b, a))


def _covered(a: Frames, b: Frames) -> float:
    shared = np.isin(a.passages(), b.passages())
    covered = np.zeros(len(a), bool)
    for i in range(RUN):
        covered[i : i + len(shared)] |= shared
    return float(covered.mean()) if len(a) else 0.0


def agreement(a: Frames, b: Frames) -> float:
    """Return how far two pieces are the same music, 0 to 1: the larger of both measures."""
    return max(aligned_agreement(a, b), passage_agreement(a, b))


def agreements(pieces: list[Frames]) -> dict[tuple[int, int], float]:
    """Return {(i, j): agreement} for the pairs i < j that reach HALF; all others fall short of it."""
    _, numbers = np.unique(np.concatenate([piece.shape for piece in pieces]), return_inverse=True)
    lengths = np.array([len(piece) for piece in pieces])
    bags = np.zeros((len(pieces), int(numbers.max()) + 1), np.int16)
    for bag, own in zip(bags, np.split(numbers, np.cumsum(lengths)[:-1]), strict=True):
        np.add.at(bag, own, 1)
    owners = defaultdict(set)
    for i, piece in enumerate(pieces):
        for passage in set(piece.passages().tolist()):
            owners[passage].add(i)
    candidates = {(i, j) for found in owners.values() for i in found for j in found if i < j}
    for i in range(len(pieces) - 1):
        # As many frames as two pieces have in common in any order: no alignment can make more agree.
        common = np.minimum(bags[i], bags[i + 1 :]).sum(axis=1)
        near = np.flatnonzero(common >= HALF * np.minimum(lengths[i], lengths[i + 1 :])) + i + 1
        candidates |= {(i, int(j)) for j in near}
    found = {pair: agreement(pieces[pair[0]], pieces[pair[1]]) for pair in sorted(candidates)}
    return {pair: share for pair, share in found.items() if share >= HALF}


def melody_grams(soprano: np.ndarray) -> set[tuple[int, ...]]:
    """Return the 7-note interval grams of a soprano, given as pitches a step, −1 for a rest.

    Rests are skipped and a repeated pitch counts once: on this grid the JSB file cannot tell a repeated note from a
    held one, and one hymn is sung with now one, now two notes on a pitch.
    """
    pitches = soprano[soprano >= 0].astype(int)
    moves = np.diff(pitches)
    moves = moves[moves != 0].tolist()
    return {tuple(moves[i : i + GRAM]) for i in range(len(moves) - GRAM + 1)}


def share_melody(a: set, b: set) -> bool:
    """Say whether two sopranos are one melody: SHARED_GRAMS of the mean number of their different grams are common.

    The mean of both (Dice's coefficient) as denominator: with the smaller, a chorale of two lines would share its
    melody with any that quotes a line; with the union, variants of one hymn would fall apart.
    """
    mean = (len(a) + len(b)) / 2
    return mean > 0 and len(a & b) >= SHARED_GRAMS * mean


def melody_groups(grams: list[set]) -> list[int]:
    """Number the melodies: pieces that share one, directly or through others, get the same number."""
    group = list(range(len(grams)))

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for i in range(len(grams)):
        for j in range(i):
            if share_melody(grams[i], grams[j]):
                group[max(root(i), root(j))] = min(root(i), root(j))
    order: dict[int, int] = {}
    return [order.setdefault(root(i), len(order)) for i in range(len(grams))]


def read_jsb(path: Path) -> list[tuple[str, int, np.ndarray]]:
    """Return (split, index, int16 (T, 4) pitches with −1 for a rest) of the public file's pieces."""
    frames = read_jsb_frames(path)
    return [(key, i, piece) for key in JSB_SPLITS for i, piece in enumerate(frames[OUR_SPLIT[key]])]


def map_to_jsb(shares: dict[tuple[int, int], float], files: int, jsb: list) -> dict[int, tuple[int, float]]:
    """Return {file: (JSB piece, agreement)}.

    Best agreements first, each side once; then every file left over takes the JSB piece it agrees with best, which
    another file already has. Of equal agreements test comes before validation before training.
    """
    rank = {"test": 0, "valid": 1, "train": 2}
    pairs = [(share, i, j - files) for (i, j), share in shares.items() if i < files <= j]
    pairs.sort(key=lambda pair: (-pair[0], rank[jsb[pair[2]][0]], pair[1], pair[2]))
    mapped: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for share, file, piece in pairs:
        if file not in mapped and piece not in taken:
            mapped[file] = (piece, share)
            taken.add(piece)
    for share, file, piece in pairs:
        mapped.setdefault(file, (piece, share))
    return mapped


def make_splits(names: list[str], frames: list[np.ndarray], jsb: list) -> dict:
    """Apply the rules; see the module's docstring."""
    files = len(names)
    pieces = [Frames.of(piece) for piece in [*frames, *(piece for _, _, piece in jsb)]]
    grams = [melody_grams(piece.soprano) for piece in pieces]
    shares = agreements(pieces)
    mapped = map_to_jsb(shares, files, jsb)
    first_file: dict[int, int] = {}
    for file, (piece, _) in sorted(mapped.items(), key=lambda item: -item[1][1]):
        first_file.setdefault(piece, file)
    partners = defaultdict(dict)
    for (i, j), share in shares.items():
        partners[i][j] = partners[j][i] = share
    held_back = [i for i in range(files, len(pieces)) if jsb[i - files][0] != "train"]
    held_back += [file for piece, file in first_file.items() if jsb[piece][0] != "train"]

    def label(i: int) -> str:
        return names[i] if i < files else "JSB {} {}".format(*jsb[i - files][:2])

    def decide(file: int) -> tuple[str, str]:
        piece = mapped.get(file, (None, 0.0))[0]
        if piece is not None and jsb[piece][0] != "train":
            if first_file[piece] == file:
                return OUR_SPLIT[jsb[piece][0]], ""
            return "left out", f"the same piece as {names[first_file[piece]]}"
        same = [i for i in held_back if i in partners[file]]
        if same:
            best = max(same, key=lambda i: partners[file][i])
            return "left out", f"agrees with {label(best)} on {partners[file][best]:.0%} of its frames"
        if piece is None:
            sung = [i for i in held_back if share_melody(grams[file], grams[i])]
            if sung:
                return "left out", f"no JSB piece, and shares its melody with {label(min(sung))}"
        return "train", ""

    decided = [decide(file) for file in range(files)]
    groups = melody_groups(grams[:files])

    def sopranos(i: int) -> list[set]:
        # A file and its JSB piece are two readings of one soprano: a melody heard in either has been heard.
        other = files + mapped[i][0] if i in mapped else first_file.get(i - files)
        return [grams[i]] if other is None else [grams[i], grams[other]]

    training = [own for file in range(files) if decided[file][0] == "train" for own in sopranos(file)]
    heard = [any(share_melody(own, other) for own in sopranos(i) for other in training) for i in range(len(pieces))]

    lines = {}
    for file, (name, (split, why)) in enumerate(zip(names, decided, strict=True)):
        piece, share = mapped.get(file, (None, 0.0))
        line = {
            "split": split,
            "jsb": None if piece is None else [jsb[piece][0], jsb[piece][1]],
            "agreement": round(share, 3),
            "melody_group": groups[file],
            "heard_melody": heard[file],
        }
        lines[name] = line | ({"why": why} if why else {})

    def jsb_lines(split: str) -> list[dict]:
        result = []
        for piece, (own_split, index, _) in enumerate(jsb):
            if own_split == split:
                file = first_file.get(piece)
                name = None if file is None else names[file]
                result.append({"index": index, "file": name, "heard_melody": heard[files + piece]})
        return result

    listed = {f"jsb_{split}": jsb_lines(split) for split in JSB_SPLITS}
    for line in listed["jsb_train"]:
        del line["heard_melody"]
    counts = Counter(line["split"] for line in lines.values())
    test = [line for line in lines.values() if line["split"] == "test"]
    return {
        "counts": dict(sorted(counts.items())),
        "test_pieces_with_unheard_melody": sum(not line["heard_melody"] for line in test),
        "jsb_test_pieces_with_unheard_melody": sum(not line["heard_melody"] for line in listed["jsb_test"]),
        "jsb_pieces_with_a_file": sum(line["file"] is not None for part in listed.values() for line in part),
        "files_with_a_jsb_piece": len(mapped),
        "melodies": len(set(groups)),
        "pieces": lines,
        **listed,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write splits.json from music21's chorales and the JSB file.")
    parser.add_argument("--jsb", type=Path, required=True, help="Jsb16thSeparated.npz")
    parser.add_argument("--corpus", type=Path, help="music21's corpus/bach; found through the package by default")
    parser.add_argument("--output", type=Path, default=HERE / "splits.json")
    options = parser.parse_args(arguments)
    chorales, _ = read_corpus(options.corpus or corpus_folder())
    splits = make_splits([c.name for c in chorales], [c.frames() for c in chorales], read_jsb(options.jsb))
    digest = hashlib.sha256(options.jsb.read_bytes()).hexdigest()
    options.output.write_text(json_lines({"jsb_sha256": digest, **splits}), encoding="utf-8")
    for name, value in splits.items():
        if not isinstance(value, (dict, list)) or name == "counts":
            print(f"{name}: {value}")
    left_out = [(name, line["why"]) for name, line in splits["pieces"].items() if "why" in line]
    for name, why in sorted(left_out, key=lambda item: natural_order(item[0])):
        print(f"  left out {name}: {why}")


if __name__ == "__main__":
    main()
