// Another gateway process, for tests: commits turn after turn and prints the name of each once it
// is acknowledged. Does nothing unless started with its order as the only argument.

import { writeSync } from "node:fs";
import { openStore } from "../../src/store/open-store.ts";
import { commitUntilThrough } from "./turn-commit.ts";

export interface ChildOrder {
  readonly url: string;
  readonly keyPrefix: string;
  readonly key: string;
  readonly name: string;
  readonly commits: number;
  readonly parallel: number;
}

function isOrder(value: unknown): value is ChildOrder {
  return typeof value === "object" && value !== null && "url" in value && "commits" in value;
}

async function commitAll(order: ChildOrder): Promise<void> {
  const { url, keyPrefix, key } = order;
  const store = await openStore({ url, keyPrefix, durability: "normal" });
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < order.commits) {
      const name = `${order.name}-${next}`;
      next += 1;
      await commitUntilThrough(store, { key, name });
      writeSync(1, `${name}\n`);
    }
  };
  await Promise.all(Array.from({ length: order.parallel }, writer));
  await store.close();
}

const order: unknown = JSON.parse(process.argv[2] ?? "null");
if (isOrder(order)) await commitAll(order);
