// A store URL opens what it names, or is refused with a reason.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStore } from "../../src/store/open-store.ts";

test("memory: and sqlite: open their stores", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-open-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const kinds: string[] = [];
  for (const url of ["memory:", `sqlite:${folder}/a.db`, `sqlite://${folder}/b.db`]) {
    const store = await openStore({ url, durability: "normal" });
    await store.ping();
    kinds.push(store.kind);
    await store.close();
  }
  assert.deepEqual(kinds, ["memory", "sqlite", "sqlite"]);
});

test("Sentinel and Cluster are refused as not yet supported", async () => {
  for (const url of ["redis-sentinel://h1:26379,h2:26379/main", "redis-cluster://h1,h2"]) {
    await assert.rejects(openStore({ url, durability: "normal" }), /not yet supported/);
  }
});

test("an unknown store is refused with the known ones, and without its URL", async () => {
  for (const url of ["", "mysql://user:secret@host/db", "./data/store.db"]) {
    await assert.rejects(openStore({ url, durability: "normal" }), (error: Error) => {
      assert.match(error.message, /memory:, sqlite:.*redis:/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});
