// Runs every bench of this folder, one after another, with the arguments given here.
// Must never run two at once: they would measure each other.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";

async function runAll(args: readonly string[]): Promise<void> {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".bench.ts"));
  for (const file of files.toSorted()) {
    process.stderr.write(`\n== ${file} ==\n`);
    const bench = spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
      stdio: "inherit",
    });
    const [code] = await once(bench, "exit");
    if (code !== 0) process.exitCode = 1;
  }
}

await runAll(process.argv.slice(2));
