// The synthesiser: spessasynth_lib in an AudioWorklet. Fetched once a page, by whichever widget sounds first.
import { BasicMIDI } from "spessasynth_core";
import { WorkletSynthesizer } from "spessasynth_lib";
import processor from "spessasynth_lib/dist/spessasynth_processor.min.js";

/** @param {BaseAudioContext} context */
async function addProcessor(context) {
  const url = URL.createObjectURL(new Blob([processor], { type: "text/javascript" }));
  try {
    await context.audioWorklet.addModule(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * Start the synthesiser with `banks` times sixteen channels.
 * @param {AudioContext} context @param {AudioNode} destination @param {ArrayBuffer} soundFont @param {number} banks
 */
export async function createSynthesizer(context, destination, soundFont, banks) {
  await addProcessor(context);
  const synthesizer = new WorkletSynthesizer(context, { eventsEnabled: false });
  synthesizer.connect(destination);
  await synthesizer.isReady;
  await synthesizer.soundBankManager.addSoundBank(soundFont.slice(0), "lab"); // it takes the buffer away
  for (let bank = 1; bank < banks; bank++) for (let channel = 0; channel < 16; channel++) synthesizer.addNewChannel();
  synthesizer.reset(); // a new channel's controllers all stand at 0, its volume too
  return synthesizer;
}

/**
 * Render a MIDI file; returns the two channels.
 * @param {Uint8Array} midi @param {ArrayBuffer} soundFont @param {number} seconds @param {number} rate
 */
export async function renderMidi(midi, soundFont, seconds, rate) {
  const context = new OfflineAudioContext(2, Math.ceil(seconds * rate), rate);
  await addProcessor(context);
  const synthesizer = new WorkletSynthesizer(context, { eventsEnabled: false });
  synthesizer.connect(context.destination);
  const sequence = BasicMIDI.fromArrayBuffer(/** @type {ArrayBuffer} */ (midi.buffer));
  await synthesizer.startOfflineRender({
    midiSequence: sequence, loopCount: 0, soundBankList: [{ bankOffset: 0, soundBankBuffer: soundFont.slice(0) }],
    sequencerOptions: { skipToFirstNoteOn: false },
  });
  const buffer = await context.startRendering();
  return [buffer.getChannelData(0), buffer.getChannelData(1)];
}
