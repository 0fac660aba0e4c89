// The General MIDI programs that the SoundFont holds, and which of them plays each of the 128 (as sound.py maps them).

const ROWS = [
  [0, 0, 0, 0, 4, 4, 0, 4], [11, 11, 11, 11, 11, 11, 11, 11], [19, 19, 19, 19, 19, 19, 19, 19],
  [24, 24, 27, 27, 27, 27, 27, 27], [32, 33, 33, 33, 33, 33, 38, 38], [40, 42, 42, 42, 48, 24, 24, 32],
  [48, 48, 48, 48, 53, 53, 53, 48], [56, 56, 56, 56, 56, 56, 56, 56], [65, 65, 65, 65, 68, 68, 71, 71],
  [73, 73, 73, 73, 73, 73, 73, 73], [80, 80, 80, 80, 80, 53, 80, 80], [89, 89, 89, 53, 89, 89, 89, 89],
  [89, 89, 11, 89, 89, 89, 89, 24], [24, 27, 24, 24, 11, 68, 40, 68], [11, 11, 11, 11, 32, 32, 38, 89],
  [24, 73, 89, 73, 11, 89, 89, 89],
];

/** The program of the SoundFont that plays a General MIDI program. @param {number} program */
export function nearestProgram(program) {
  return ROWS[program >> 3][program & 7];
}

/** The instruments that a person chooses from. @type {[program: number, name: string][]} */
export const INSTRUMENTS = [
  [0, "Piano"], [4, "Electric piano"], [11, "Vibraphone"], [19, "Church organ"], [24, "Nylon guitar"],
  [27, "Clean guitar"], [32, "Acoustic bass"], [33, "Fingered bass"], [38, "Synth bass"], [40, "Violin"], [42, "Cello"],
  [48, "Strings"], [53, "Voices"], [56, "Trumpet"], [65, "Alto sax"], [68, "Oboe"], [71, "Clarinet"], [73, "Flute"],
  [80, "Square lead"], [89, "Warm pad"],
];

/** An instrument's name; programs that the SoundFont lacks carry the name of what plays them. @param {number} program */
export function instrumentName(program) {
  const nearest = nearestProgram(program);
  return INSTRUMENTS.find(([known]) => known === nearest)?.[1] ?? "Piano";
}
