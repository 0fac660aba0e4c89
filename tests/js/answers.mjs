// What the JavaScript makes of pieces, for a test in Python to hold against what Python makes of them.
// Reads a list of {what, …} as JSON from standard input, writes the list of answers.
import { readFileSync } from "node:fs";
import { writeMidi } from "../../deepcomposer_lab/widgets/js/lib/midi_file.js";
import { barsOf, beatAt, endOf, pitchName, secondsAt } from "../../deepcomposer_lab/widgets/js/lib/piece.js";
import { nearestProgram } from "../../deepcomposer_lab/widgets/js/lib/programs.js";
import { writeWav } from "../../deepcomposer_lab/widgets/js/lib/wav.js";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const answers = {
  midi: ({ piece }) => base64(writeMidi(piece)),
  bars: ({ piece }) => barsOf(piece, endOf(piece)),
  end: ({ piece }) => endOf(piece),
  seconds: ({ piece, beats }) => beats.map((beat) => secondsAt(piece, beat)),
  beats: ({ piece, seconds }) => seconds.map((second) => beatAt(piece, second)),
  names: ({ pitches }) => pitches.map(pitchName),
  programs: ({ programs }) => programs.map(nearestProgram),
  wav: ({ channels, rate }) => base64(writeWav(channels.map((samples) => Float32Array.from(samples)), rate)),
};
const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(asked.map((question) => answers[question.what](question))));
