// The licences of what is bundled into ../static/: they travel with it, in assets/LICENSES.txt.
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packages = join(dirname(fileURLToPath(import.meta.url)), "node_modules");

/** What some packages were bundled with before they were published, which no build of ours can see. */
const INSIDE = {
  opensheetmusicdisplay: ["vexflow", "jszip", "loglevel", "typescript-collections"],
  jszip: ["pako", "lie", "immediate", "setimmediate"],
  spessasynth_lib: ["spessasynth_core"],
  spessasynth_core: ["stb-vorbis"],
};
/** What a package holds that is no package itself. */
const REMARKS = {
  vexflow: "Its font of musical signs is Gonville, by Simon Tatham, who lets anybody use it for anything.",
  "stb-vorbis": "It holds stb_vorbis, by Sean Barrett (public domain, or MIT), and a C library, musl (MIT), in WebAssembly.",
  jszip: "Taken under the MIT licence, of the two that it offers.",
};

/** The packages among a build's inputs, and those inside them. @param {string[]} inputs */
export function packagesOf(inputs) {
  const found = new Set(inputs.map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
  for (const name of found) for (const inner of INSIDE[name] ?? []) found.add(inner); // a set goes on over what is added
  return found;
}

async function licenceOf(name) {
  const about = JSON.parse(await readFile(join(packages, name, "package.json"), "utf8"));
  const files = (await readdir(join(packages, name))).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  if (!files.length) throw new Error(`${name} has no licence file: find out on what terms it may be passed on.`);
  const texts = await Promise.all(files.map((file) => readFile(join(packages, name, file), "utf8")));
  const text = texts.map((one) => one.replaceAll("\r\n", "\n").trim()).join("\n\n");
  return { title: `${name} ${about.version} (${about.license})`, remark: REMARKS[name], text };
}

/** The text of all licences, each once. @param {Map<string, Set<string>>} bundles built file -> packages in it */
export async function licences(bundles) {
  const names = [...new Set([...bundles.values()].flatMap((found) => [...found]))].sort();
  const byText = new Map();
  for (const licence of await Promise.all(names.map(licenceOf))) {
    byText.set(licence.text, [...(byText.get(licence.text) ?? []), licence]);
  }
  const lines = ["What the files here and the widgets beside them hold of others' work, and on what terms."];
  for (const [file, found] of [...bundles].sort()) if (found.size) lines.push(`${file}: ${[...found].sort().join(", ")}`);
  const rule = "=".repeat(100);
  for (const [text, those] of byText) {
    lines.push("", rule, ...those.flatMap(({ title, remark }) => [title, ...(remark ? [`  ${remark}`] : [])]), rule, "", text);
  }
  return `${lines.join("\n")}\n`;
}
