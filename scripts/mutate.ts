// Do the tests notice? Changes one token of the product at a time, in a copy, and runs the tests that should fail.
// Usage: node scripts/mutate.ts [--under src/conversation/divergence] [--sample 120] [--seed 1] [--workers 2]
// Must never touch the checkout: every mutant lives in a temporary copy.

import { spawn } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readSource } from "../test/tidy/source-text.ts";

const ROOT = join(import.meta.dirname, "..");
/** What is no part of a test's world, or is linked rather than copied. */
const LEFT_OUT: ReadonlySet<string> = new Set([".git", "node_modules", "data", "dist"]);
/** A mutant that runs longer than this is caught: it hangs. In milliseconds. */
const RUN_MS_MAX = 60_000;
/** Tests that hold the detector to its promises. */
const TESTS = /^(?:divergence|evidence|fingerprint|stream-repetition|correction)[\w.-]*\.test\.ts$/;

/** What is replaced by what. Spaces keep `=>` and type arguments out. */
const MUTATIONS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/ >= /g, " > "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ < /g, " <= "],
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/(?<== )\d+(?=;)/g, "+1"],
  [/\breturn (?!null;)[^;{}]+;/g, "return null;"],
];

interface Mutant {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly line: number;
}

function mutantsOf(path: string): readonly Mutant[] {
  const { raw, code } = readSource(path, readFileSync(join(ROOT, path), "utf8"));
  return MUTATIONS.flatMap(([pattern, replacement]) =>
    [...code.matchAll(pattern)].map(({ index, 0: found }) => {
      const text = replacement === "+1" ? String(Number(found) + 1) : replacement;
      const line = raw.slice(0, index).split("\n").length;
      return { path, start: index, end: index + found.length, text, line };
    }),
  );
}

/** The same seed draws the same sample: a small generator is all it takes. */
function draw(all: readonly Mutant[], count: number, seed: number): readonly Mutant[] {
  let state = seed;
  const next = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
  return all
    .map((mutant) => ({ mutant, at: next() }))
    .sort((left, right) => left.at - right.at)
    .slice(0, count)
    .map(({ mutant }) => mutant);
}

function makeCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-mutate-"));
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.has(name)) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** True: a test failed, or hung. */
function isKilled(folder: string, tests: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const run = spawn(process.execPath, ["--test", "--test-timeout=20000", ...tests], {
      cwd: folder,
      stdio: "ignore",
      timeout: RUN_MS_MAX,
    });
    run.on("exit", (code) => resolve(code !== 0));
    run.on("error", () => resolve(true));
  });
}

async function work(queue: Mutant[], survivors: Mutant[], tests: readonly string[]): Promise<void> {
  const folder = makeCopy();
  try {
    if (await isKilled(folder, tests)) throw new Error("the tests fail without any change");
    for (let mutant = queue.pop(); mutant !== undefined; mutant = queue.pop()) {
      const raw = readFileSync(join(ROOT, mutant.path), "utf8");
      const changed = raw.slice(0, mutant.start) + mutant.text + raw.slice(mutant.end);
      writeFileSync(join(folder, mutant.path), changed);
      if (!(await isKilled(folder, tests))) {
        survivors.push(mutant);
        const was = raw.slice(mutant.start, mutant.end).trim();
        console.log(`survived ${mutant.path}:${mutant.line}  ${was}  ->  ${mutant.text.trim()}`);
      }
      writeFileSync(join(folder, mutant.path), raw);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    under: { type: "string", default: "src/conversation/divergence" },
    sample: { type: "string", default: "120" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "2" },
  },
});
const files = readdirSync(join(ROOT, values.under)).filter((name) => name.endsWith(".ts"));
const all = files.flatMap((name) => mutantsOf(join(values.under, name)));
const queue = [...draw(all, Number(values.sample), Number(values.seed))];
const tests = readdirSync(join(ROOT, "test/conversation"))
  .filter((name) => TESTS.test(name))
  .map((name) => join("test/conversation", name));
const drawn = queue.length;
const survivors: Mutant[] = [];
const workers = Array.from({ length: Number(values.workers) }, () => work(queue, survivors, tests));
await Promise.all(workers);
const killed = drawn - survivors.length;
console.log(
  `${killed} of ${drawn} mutants killed (${((killed / drawn) * 100).toFixed(1)} %), drawn from ${all.length}`,
);
