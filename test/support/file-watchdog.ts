// Loaded before every test file (`npm test`): bounds how long a file may live, because node:test bounds only its tests.
// Must never keep a file alive itself, and must never fire in the runner or in programs that a test starts.

import { isMainThread } from "node:worker_threads";

/** A file that takes longer has left something open, or does too much for one file. */
const FILE_MS_MAX = 180_000;

/** The runner sets the variable for the process of one test file; workers of that process inherit it. */
const isTestFile = isMainThread && process.env["NODE_TEST_CONTEXT"] !== undefined;

function giveUp(): void {
  const open = process.getActiveResourcesInfo().join(", ");
  process.stderr.write(`${process.argv[1]} still runs after ${FILE_MS_MAX} ms; open: ${open}\n`);
  process.exit(1);
}

if (isTestFile) setTimeout(giveUp, FILE_MS_MAX).unref();
