// Bundles every widget (js/*.js) and every file that a page fetches once (js/assets/*.js) into ../static/.
// `node build.mjs --check` writes nothing, and fails where a committed file differs from its source.
import { build } from "esbuild";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { licences, packagesOf } from "./licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "static");

/** The worklet is fetched with the synthesiser that starts it, hence taken in as text. */
const asText = {
  name: "as-text",
  setup(build) {
    build.onLoad({ filter: /spessasynth_processor\.min\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return { contents: text.replace(/\n?\/\/# sourceMappingURL=.*$/m, ""), loader: "text" };
    });
  },
};

async function sources(folder) {
  const names = await readdir(join(here, folder)).catch(() => []);
  return names.filter((name) => name.endsWith(".js")).map((name) => join(here, folder, name));
}

async function bundled(entry, into) {
  const result = await build({
    entryPoints: [entry], outfile: join(target, into, basename(entry)), write: false, bundle: true, minify: true,
    format: "esm", target: "es2022", charset: "utf8", legalComments: "none", plugins: [asText], logLevel: "warning",
    metafile: true,
  });
  const [{ path, text }] = result.outputFiles;
  return { path, text, packages: packagesOf(Object.keys(result.metafile.inputs)) };
}

const files = [
  ...(await Promise.all((await sources(".")).map((entry) => bundled(entry, ".")))),
  ...(await Promise.all((await sources("assets")).map((entry) => bundled(entry, "assets")))),
];
const bundles = new Map(files.map(({ path, packages }) => [relative(target, path), packages]));
files.push({ path: join(target, "assets", "LICENSES.txt"), text: await licences(bundles), packages: new Set() });
const differing = [];
for (const file of files) {
  const name = relative(target, file.path);
  const committed = await readFile(file.path, "utf8").catch(() => null);
  if (committed === file.text) continue;
  differing.push(name);
  if (process.argv.includes("--check")) continue;
  await mkdir(dirname(file.path), { recursive: true });
  await writeFile(file.path, file.text);
  console.log(`${name} ${(file.text.length / 1000).toFixed(0)} kB`);
}
if (process.argv.includes("--check") && differing.length) {
  console.error(`Differs from its source: ${differing.join(", ")}. Run \`npm run build\` in ${here}.`);
  process.exit(1);
}
