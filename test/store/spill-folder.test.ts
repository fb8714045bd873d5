// Goal: what a crashed gateway could not store is stored by the next one.
// Method: journals of dead and of living processes.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createSpillFolder } from "../../src/store/spill-folder.ts";

/** Above the largest process id Linux gives out. */
const DEAD_PID = 99_999_999;

test("journals of dead processes are drained, those of living ones are left alone", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-spill-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, `unsaved-${DEAD_PID}.jsonl`), "left behind\n");
  await writeFile(join(folder, `unsaved-${process.ppid}.jsonl`), "still theirs\n");
  const spill = createSpillFolder({ folder, bytesMax: 10_000, pid: process.pid });
  await spill.append("our own");
  const lines: string[] = [];
  const collect = async (line: string): Promise<void> => {
    lines.push(line);
  };
  assert.equal(await spill.drain(collect), 2);
  assert.deepEqual(lines, ["our own", "left behind"]);
  assert.equal(await spill.drain(collect), 0);
});

test("a folder that does not exist yet has nothing to drain", async () => {
  const folder = join(tmpdir(), `fairlead-none-${process.pid}`);
  const spill = createSpillFolder({ folder, bytesMax: 10_000, pid: process.pid });
  assert.equal(await spill.drain(async () => undefined), 0);
});
