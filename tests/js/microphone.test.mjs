// What the microphone and the upload work out by themselves: rates, levels, the pitch of a moment, words, pictures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotAsk, clock, levelWord, meterShare, troubleWords } from "../../deepcomposer_lab/widgets/js/lib/microphone_words.js";
import { pitchOf } from "../../deepcomposer_lab/widgets/js/lib/pitch_now.js";
import { bridged, joined, levelOf, resample, resampledLength, resampleInSlices, toFloat32, toInt16 } from "../../deepcomposer_lab/widgets/js/lib/resample.js";
import { curvePath, nameNow, notesInSeconds, notesInWords, rowsOf, secondLines } from "../../deepcomposer_lab/widgets/js/lib/sung.js";
import { extraFiles, fileProblem } from "../../deepcomposer_lab/widgets/js/lib/upload_words.js";

const tone = (hertz, rate, seconds, partials = [1]) =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, index) =>
    0.4 * partials.reduce((sum, strength, at) => sum + strength * Math.sin((2 * Math.PI * hertz * (at + 1) * index) / rate), 0));
const rms = (samples) => Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);
const midi = (hertz) => 69 + 12 * Math.log2(hertz / 440);

test("a tone keeps its pitch, its place and its strength at another rate", () => {
  for (const rate of [44100, 48000, 16000]) {
    const before = tone(1000, rate, 0.5), after = resample(before, rate, 22050), expected = tone(1000, 22050, 0.5);
    assert.equal(after.length, expected.length);
    for (let index = 400; index < after.length - 400; index++) assert.ok(Math.abs(after[index] - expected[index]) < 1e-3, `${rate} at ${index}`);
  }
});

test("what the new rate cannot hold is gone, and does not fold back", () => {
  for (const hertz of [12500, 15000, 20000]) {
    const after = resample(tone(hertz, 48000, 0.3), 48000, 22050).subarray(400, -400);
    assert.ok(rms(after) < 0.28 * 1e-3, `${hertz} Hz: ${rms(after)}`);
  }
});

test("slices are the whole, and nothing is made of nothing", async () => {
  const before = tone(440, 48000, 9.3);
  const whole = resample(before, 48000, 22050), sliced = await resampleInSlices(before, 48000, 22050);
  assert.deepEqual(sliced, whole);
  assert.equal(whole.length, resampledLength(before, 48000, 22050));
  assert.equal(resample(new Float32Array(0), 48000, 22050).length, 0);
  assert.deepEqual(resample(Float32Array.of(0.5, -0.5), 22050, 22050), Float32Array.of(0.5, -0.5));
});

test("sixteen bits hold full scale and cut what is beyond", () => {
  assert.deepEqual([...toInt16(Float32Array.of(0, 1, -1, 3, -3, 0.5))], [0, 32767, -32767, 32767, -32767, 16384]);
  assert.ok(Math.abs(toFloat32(Int16Array.of(16384))[0] - 0.5) < 1e-4);
  assert.deepEqual(joined([Float32Array.of(1), new Float32Array(0), Float32Array.of(2, 3)]), Float32Array.of(1, 2, 3));
});

test("gaps that a busy computer leaves are bridged at the same level, and real silence stays", () => {
  const rate = 48000, whole = tone(220, rate, 0.5).map((sample) => sample + 1e-9), broken = whole.slice();
  for (const at of [0.1, 0.125, 0.3]) broken.fill(0, at * rate, at * rate + 480); // 10 ms each
  const mended = bridged(broken, rate);
  for (const at of [0.1, 0.125, 0.3]) {
    const inside = mended.subarray(at * rate, at * rate + 480);
    assert.ok(Math.abs(20 * Math.log10(rms(inside) / rms(whole))) < 3, `${20 * Math.log10(rms(inside) / rms(whole))} dB`);
    assert.ok(Math.abs(mended[at * rate] - mended[at * rate - 1]) < 0.05); // no click
    assert.ok(Math.abs(mended[at * rate + 479] - mended[at * rate + 480]) < 0.05);
  }
  assert.deepEqual(mended.subarray(0, 4800), broken.subarray(0, 4800));
  const paused = whole.slice();
  paused.fill(0, 0.2 * rate, 0.3 * rate); // a tenth of a second is a pause
  assert.equal(bridged(paused, rate), paused);
  assert.equal(bridged(new Float32Array(1000), rate).length, 1000);
});

test("a level is a mean square, and clipping is told", () => {
  assert.ok(Math.abs(levelOf(tone(440, 8000, 1)).level - 20 * Math.log10(0.4 / Math.SQRT2)) < 0.05);
  assert.equal(levelOf(new Float32Array(100)).level, -100);
  assert.equal(levelOf(Float32Array.of(0.2, 1)).isClipped, true);
  assert.equal(levelOf(Float32Array.of(0.2, 0.9)).isClipped, false);
  assert.equal(levelOf(new Float32Array(0)).level, -100);
});

test("the pitch of a moment, from a low hum to a whistle, octaves and missing fundamentals included", () => {
  for (const hertz of [82.4, 110, 196, 261.6, 440, 880, 1400, 2637]) {
    const found = pitchOf(tone(hertz, 24000, 0.064), 24000);
    assert.ok(found !== null && Math.abs(found - midi(hertz)) < 0.35, `${hertz} Hz: ${found}`);
  }
  for (const partials of [[0.2, 1, 0.3], [0, 0.8, 0.6, 0.5], [0.6, 0.3, 1]]) {
    const found = pitchOf(tone(150, 24000, 0.064, partials), 24000);
    assert.ok(found !== null && Math.abs(found - midi(150)) < 0.2, `${partials}: ${found}`);
  }
});

test("silence and noise have no pitch", () => {
  assert.equal(pitchOf(new Float32Array(1536), 24000), null);
  let seed = 1;
  const noise = Float32Array.from({ length: 1536 }, () => ((seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5));
  assert.equal(pitchOf(noise, 24000), null);
});

test("every way a microphone fails has its own sentence", () => {
  const kinds = ["NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError", "SecurityError"].map((name) => troubleWords({ name }).kind);
  assert.deepEqual(kinds, ["denied", "none", "busy", "none", "denied"]);
  assert.match(troubleWords({ name: "TypeError", message: "odd" }).words, /odd/);
  assert.equal(cannotAsk(false, {}).kind, "insecure");
  assert.match(cannotAsk(false, undefined).words, /https/);
  assert.equal(cannotAsk(true, undefined).kind, "unsupported");
  assert.equal(cannotAsk(true, { getUserMedia() {} }), null);
  for (const one of [cannotAsk(false, {}), cannotAsk(true, null), ...["NotAllowedError", "NotFoundError", "AbortError", ""].map((name) => troubleWords({ name }))]) {
    assert.match(one.title, /^[A-Z].*\.$/);
    assert.match(one.words, /^[A-Z].*\.$/);
  }
});

test("a level has a word, a meter a share, a time two figures", () => {
  assert.deepEqual([-80, -50, -20].map((level) => levelWord(level, false)), ["silent", "quiet", "good"]);
  assert.equal(levelWord(-10, true), "too loud");
  assert.deepEqual([-100, -60, -6, 0].map(meterShare), [0, 0, 1, 1]);
  assert.deepEqual([0, 59.99, 60, 119.5].map(clock), ["0:00", "0:59", "1:00", "1:59"]);
});

test("the picture has room for an octave, for all notes, and not for a slip of the voice", () => {
  assert.deepEqual(rowsOf([], []), [53, 77]);
  const [low, high] = rowsOf([[0, 60], [0.1, 60.2]], []);
  assert.ok(low <= 58 && high >= 62 && high - low === 12);
  const curve = Array.from({ length: 200 }, (_, index) => [index / 100, 60 + (index % 5)]);
  assert.deepEqual(rowsOf([...curve, [3, 100]], []), rowsOf(curve, []));
  assert.ok(rowsOf(curve, [[0, 80, 1]])[1] >= 82);
  assert.deepEqual(rowsOf([], [[0, 127, 1], [1, 0, 1]]), [0, 127]);
});

test("the curve breaks where nothing is sung and where the voice leaps", () => {
  const path = curvePath([[0, 60], [0.05, 61], [0.08, null], [0.1, 60], [0.15, 66], [0.5, 66]], (second) => second * 100, (pitch) => pitch);
  assert.equal(path, "M0.0 60.0L5.0 61.0M10.0 60.0M15.0 66.0M50.0 66.0");
  assert.equal(curvePath([], Number, Number), "");
});

test("pitches and notes in words", () => {
  assert.deepEqual([60, 60.3, 59.8].map((pitch) => nameNow(pitch).text), ["C4", "C4 +30", "C4 −20"]);
  assert.equal(notesInWords([]), "No notes.");
  assert.equal(notesInWords([[0, 60, 1], [1, 64, 1]]), "2 notes: C4, E4.");
  const piece = { tempos: [[0, 120]], tracks: [{ notes: [[0, 60, 1, 80], [2, 62, 0.5, 80]] }] };
  assert.deepEqual(notesInSeconds(piece, 0.25), [[0.25, 60, 0.5], [1.25, 62, 0.25]]);
  assert.deepEqual(secondLines(3), [0, 0.5, 1, 1.5, 2, 2.5, 3]);
  assert.ok(secondLines(120).length <= 15);
});

test("files that need not be sent", () => {
  assert.equal(fileProblem("a.mid", 2000), null);
  assert.match(fileProblem("a.mid", 0), /empty/);
  assert.match(fileProblem("a.wav", 12_300_000), /12\.3 MB.*at most 8 MB/);
  assert.equal(extraFiles(["a.mid"]), "");
  assert.match(extraFiles(["a.mid", "b.mid"]), /“b\.mid” is left out/);
  assert.match(extraFiles(["a.mid", "b.mid", "c.mid"]), /2 others are left out/);
});
