// Cuts FluidR3Mono_GM.sf3 down to the instruments the project plays; README.md tells how to run it.
//
//     node cut_soundfont.mjs FluidR3Mono_GM.sf3 deepcomposer_lab.sf3
//
// The compressed samples are copied as they are: nothing is decoded and encoded a second time.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { SoundBankLoader } from "spessasynth_core";

const SOURCE_SHA256 = "cda013d8c370a48ae8dad271e761078d2e77455488dabdedbfbe5fc76a38c682";
const LIMIT_BYTES = 6_000_000;

// General MIDI programs kept: one or more of every family. Choir aahs (52) alone are half a megabyte and would break
// the limit; voice oohs (53) are a third of that, and leave room for two reeds and three synthesisers.
const PROGRAMS = new Set([0, 4, 11, 19, 24, 27, 32, 33, 38, 40, 42, 48, 53, 56, 65, 68, 71, 73, 80, 89]);

// General MIDI names drums from 35 (acoustic bass drum) to 81 (open triangle); the kit has more keys than that.
const FIRST_DRUM = 35;
const LAST_DRUM = 81;

const [sourcePath, targetPath] = process.argv.slice(2);
if (!sourcePath || !targetPath) {
  console.error("Usage: node cut_soundfont.mjs FluidR3Mono_GM.sf3 deepcomposer_lab.sf3");
  process.exit(2);
}

const source = readFileSync(sourcePath);
const sha256 = createHash("sha256").update(source).digest("hex");
if (sha256 !== SOURCE_SHA256) {
  console.error(`${sourcePath} has sha256 ${sha256}, expected ${SOURCE_SHA256}: another version of the SoundFont.`);
  process.exit(1);
}

const bank = SoundBankLoader.fromArrayBuffer(
  source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength),
);

const isStandardKit = (preset) => preset.isGMGSDrum && preset.program === 0;
const isKeptInstrument = (preset) => !preset.isGMGSDrum && preset.bankMSB === 0 && PROGRAMS.has(preset.program);

for (const preset of [...bank.presets]) {
  if (!isStandardKit(preset) && !isKeptInstrument(preset)) bank.deletePreset(preset);
}

for (const preset of bank.presets.filter(isStandardKit)) {
  for (const { instrument } of preset.zones) {
    for (let index = instrument.zones.length - 1; index >= 0; index -= 1) {
      const { min, max } = instrument.zones[index].keyRange;
      if (max < FIRST_DRUM || min > LAST_DRUM) instrument.deleteZone(index);
    }
  }
}

bank.removeUnusedElements();

// A key outside every zone would be silent (the alto sax ends at E6): the outermost zones take the keys beyond them.
const widen = (zones) => {
  const lowest = Math.min(...zones.map((zone) => Math.max(0, zone.keyRange.min)));
  const highest = Math.max(...zones.map((zone) => zone.keyRange.max));
  for (const zone of zones) {
    if (zone.keyRange.min === lowest) zone.keyRange = { min: 0, max: zone.keyRange.max };
    if (zone.keyRange.max === highest) zone.keyRange = { min: zone.keyRange.min, max: 127 };
  }
};
for (const preset of bank.presets.filter(isKeptInstrument)) {
  widen(preset.zones);
  for (const { instrument } of preset.zones) widen(instrument.zones);
}

// The default modulators and extended limits are chunks of their own that other readers refuse.
const target = Buffer.from(
  bank.writeSF2({ software: "DeepComposer Lab", writeDefaultModulators: false, writeExtendedLimits: false }),
);
if (target.length > LIMIT_BYTES) {
  console.error(`The cut is ${target.length} bytes, more than ${LIMIT_BYTES}: leave an instrument out.`);
  process.exit(1);
}
writeFileSync(targetPath, target);
console.log(`${targetPath}: ${target.length} bytes, sha256 ${createHash("sha256").update(target).digest("hex")}`);
for (const preset of bank.presets) {
  console.log(`  ${preset.isGMGSDrum ? "drums" : String(preset.program).padStart(5)}  ${preset.name}`);
}
