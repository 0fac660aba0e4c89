// MIDI keyboards with a browser that is made up: who is chosen, what is heard, what is said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MidiDevices } from "../../deepcomposer_lab/widgets/js/lib/web_midi.js";

const port = (id, name, state = "connected") => ({ id, name, manufacturer: "", state, onmidimessage: null });

function browser(...ports) {
  const access = { inputs: new Map(ports.map((one) => [one.id, one])), onstatechange: null };
  return {
    access,
    asked: 0,
    requestMIDIAccess(options) { this.asked++; this.options = options; return Promise.resolve(access); },
    plug(one) { access.inputs.set(one.id, one); access.onstatechange({ port: one }); },
    unplug(one) { one.state = "disconnected"; access.onstatechange({ port: one }); },
  };
}

async function opened(...ports) {
  const made = browser(...ports), midi = new MidiDevices(made), heard = [];
  for (const name of ["note", "sustain", "button"]) midi.addEventListener(name, (event) => heard.push([name, event.detail]));
  await midi.request();
  return { made, midi, heard };
}

test("a browser without Web MIDI says so in a sentence, and asking changes nothing", async () => {
  const midi = new MidiDevices({});
  assert.equal(midi.state, "absent");
  assert.match(midi.words, /^This browser has no Web MIDI\..* keys on the screen work here\.$/);
  await midi.request();
  assert.equal(midi.state, "absent");
});

test("a refusal is a state with words; system exclusive is never asked for", async () => {
  const midi = new MidiDevices({ requestMIDIAccess: () => Promise.reject(new Error("SecurityError")) });
  await midi.request();
  assert.equal(midi.state, "refused");
  assert.match(midi.words, /address bar/);
  const { made } = await opened();
  assert.deepEqual(made.options, { sysex: false });
});

test("nobody is asked unless the browser was told before", async () => {
  const made = browser(port("1", "AKM322")), midi = new MidiDevices(made);
  await midi.requestIfGranted();
  assert.equal(made.asked, 0);
  made.permissions = { query: () => Promise.resolve({ state: "prompt" }) };
  await midi.requestIfGranted();
  assert.equal(made.asked, 0);
  made.permissions = { query: () => Promise.resolve({ state: "granted" }) };
  await midi.requestIfGranted();
  assert.equal(midi.chosen, "1");
});

test("the first real keyboard is chosen, not the port that other programs use", async () => {
  const { midi } = await opened(port("0", "Midi Through Port-0"), port("1", "AKM322 MIDI 1"), port("2", "Piano"));
  assert.equal(midi.state, "ready");
  assert.equal(midi.chosen, "1");
  assert.equal(midi.words, "AKM322 MIDI 1 is connected.");
  assert.deepEqual(midi.devices.map(({ name }) => name), ["Midi Through Port-0", "AKM322 MIDI 1", "Piano"]);
});

test("a port for programs is taken when it is chosen, and makes way for nobody then", async () => {
  const through = port("0", "Midi Through Port-0"), { made, midi, heard } = await opened(through);
  assert.deepEqual([midi.state, midi.chosen, midi.devices.length], ["none", null, 1]);
  assert.equal(through.onmidimessage, null);
  midi.choose("0");
  assert.deepEqual([midi.state, midi.words], ["ready", "Midi Through Port-0 is connected."]);
  through.onmidimessage({ data: Uint8Array.of(0x90, 60, 100), timeStamp: 1 });
  assert.equal(heard.length, 1);
  made.plug(port("1", "AKM322"));
  assert.equal(midi.chosen, "0");
});

test("one that is plugged in later is found and taken; what a person chose stays chosen", async () => {
  const { made, midi } = await opened();
  assert.equal(midi.state, "none");
  assert.match(midi.words, /Plug one in/);
  const first = port("1", "AKM322"), second = port("2", "Piano");
  made.plug(first);
  assert.deepEqual([midi.state, midi.chosen], ["ready", "1"]);
  made.plug(second);
  assert.equal(midi.chosen, "1");
  midi.choose("2");
  made.unplug(first);
  assert.equal(midi.chosen, "2");
  first.state = "connected";
  made.plug(first);
  assert.equal(midi.chosen, "2");
  made.unplug(second);
  assert.equal(midi.chosen, "1"); // what is left plays
});

test("notes come with velocity and the device's own time; velocity 0 is an end; clocks are nobody playing", async () => {
  const device = port("1", "AKM322"), { midi, heard } = await opened(device);
  let activity = 0;
  midi.addEventListener("activity", () => activity++);
  const send = (timeStamp, ...data) => device.onmidimessage({ data: Uint8Array.from(data), timeStamp });
  send(10, 0xf8);
  send(11, 0xfe);
  assert.equal(activity, 0);
  send(1000.5, 0x90, 60, 101);
  send(1200, 0x90, 60, 0);
  send(1300, 0x93, 64, 1);
  send(1400, 0x83, 64, 90);
  assert.deepEqual(heard, [
    ["note", { on: true, pitch: 60, velocity: 101, timeStamp: 1000.5 }],
    ["note", { on: false, pitch: 60, velocity: 0, timeStamp: 1200 }],
    ["note", { on: true, pitch: 64, velocity: 1, timeStamp: 1300 }],
    ["note", { on: false, pitch: 64, velocity: 0, timeStamp: 1400 }],
  ]);
  assert.equal(activity, 4);
});

test("pedal and the buttons of the original's keyboard", async () => {
  const device = port("1", "AKM322"), { heard } = await opened(device);
  for (const [controller, value] of [[64, 127], [64, 0], [105, 127], [105, 0], [106, 127], [107, 127], [7, 90]]) {
    device.onmidimessage({ data: Uint8Array.from([0xb0, controller, value]), timeStamp: 5 });
  }
  assert.deepEqual(heard.map(([name, detail]) => [name, detail.on ?? detail]), [
    ["sustain", true], ["sustain", false], ["button", "play"], ["button", "stop"], ["button", "record"],
  ]);
});

test("what is held ends when its keyboard is pulled out, when another is chosen, and when it plays for another widget", async () => {
  for (const end of ["unplug", "choose", "claim"]) {
    const device = port("1", "AKM322"), { made, midi, heard } = await opened(device, port("2", "Piano"));
    device.onmidimessage({ data: Uint8Array.of(0x90, 60, 100), timeStamp: 1 });
    device.onmidimessage({ data: Uint8Array.of(0xb0, 64, 127), timeStamp: 2 });
    if (end === "unplug") made.unplug(device);
    else if (end === "choose") midi.choose("2");
    else midi.claim({});
    assert.deepEqual(heard.slice(2).map(([name, { on, pitch }]) => [name, on, pitch]), [["note", false, 60], ["sustain", false, undefined]], end);
  }
});

test("notes are for the widget that was used last, and for any while none was", () => {
  const midi = new MidiDevices({}), one = {}, other = {};
  assert.ok(midi.isFor(one) && midi.isFor(other));
  midi.claim(one);
  assert.ok(midi.isFor(one) && !midi.isFor(other));
  midi.claim(null);
  assert.ok(midi.isFor(other));
});
