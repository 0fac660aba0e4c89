// Questions to the kernel: each answer reaches who asked, a no is a sentence, a file is asked for once a page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, asset, Refusal } from "../../deepcomposer_lab/widgets/js/lib/kernel.js";

/** A model whose kernel answers as told. */
function modelOf(answer) {
  const listeners = [], sent = [];
  return {
    sent,
    on: (event, listener) => { if (event === "msg:custom") listeners.push(listener); },
    off: () => {}, get: () => null, set: () => {}, save_changes: () => {},
    send(content, _, buffers) {
      sent.push(content);
      queueMicrotask(() => answer(content, buffers, (reply, data = []) => listeners.forEach((listener) => listener(reply, data))));
    },
    say: (content) => listeners.forEach((listener) => listener(content, [])),
  };
}
const numberOf = (content) => content.ask ?? content.id;
const reply = (content, rest) => ({ kind: "answer", ...("ask" in content ? { ask: content.ask } : { id: content.id }), ...rest });

test("answers out of order reach who asked, and what was asked arrives whole", async () => {
  const waiting = [];
  const model = modelOf((content, buffers, give) => waiting.push([content, buffers, give]));
  const first = ask(model, "double", { number: 1 }, [new Uint8Array([7]).buffer]), second = ask(model, "double", { number: 2 });
  await new Promise((done) => setTimeout(done));
  assert.notEqual(numberOf(waiting[0][0]), numberOf(waiting[1][0]));
  for (const [content, , give] of waiting.reverse()) give(reply(content, { value: 2 * content.number }));
  assert.deepEqual([(await first).value, (await second).value], [2, 4]);
  assert.equal(waiting[1][1][0].byteLength, 1);
  model.say({ kind: "answer", id: "nobody", ask: "nobody", value: 1 }); // an answer to another page
});

test("a no is a Refusal with the kernel's sentence", async () => {
  const model = modelOf((content, _, give) => give(reply(content, { error: "That file is empty." })));
  await assert.rejects(ask(model, "read"), (error) => error instanceof Refusal && error.message === "That file is empty.");
});

test("a question may carry a value named id", async () => {
  const model = modelOf((content, _, give) => give(reply(content, { value: content.id })));
  const { value } = await ask(model, "open", { id: "a-composition" });
  assert.equal(value, "a-composition");
});

test("a file is asked for once, whoever wants it, and again only after a failure", async () => {
  let fails = true;
  const data = new DataView(new Uint8Array([0, 1, 2, 3]).buffer, 1, 2);
  const model = modelOf((content, _, give) => fails ? give(reply(content, { error: "no" })) : give(reply(content, { value: { sha256: "x", same: false } }), [data]));
  await assert.rejects(asset(model, "soundfont"));
  fails = false;
  const [one, other] = await Promise.all([asset(model, "soundfont"), asset(modelOf(() => assert.fail("asked twice")), "soundfont")]);
  assert.deepEqual([...new Uint8Array(one)], [1, 2]);
  assert.equal(one, other);
  assert.equal(model.sent.length, 2);
});
