// Goal: what a request makes the gateway fetch is bounded as a whole, not only piece by piece.
// Method: images that are handed over instead of fetched.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FaultError } from "../../src/turn/fault.ts";
import { withImages } from "../../src/upstream/translate/images.ts";

const MIB = 1024 * 1024;

/** A call with so many images by URL, each of so many bytes; resolves with what came of it. */
async function fetchAll(count: number, bytes: number): Promise<string> {
  let fetched = 0;
  const image = (index: number) => ({
    type: "file" as const,
    mediaType: "image/png",
    data: { type: "url" as const, url: new URL(`https://images.example/${index}.png`) },
  });
  const content = Array.from({ length: count }, (_, index) => image(index));
  const call = { prompt: [{ role: "user" as const, content }] };
  try {
    await withImages(call, {
      dialect: "gemini",
      supportedUrls: {},
      signal: new AbortController().signal,
      fetchImage: () => {
        fetched += 1;
        return Promise.resolve({ mediaType: "image/png", bytes: new Uint8Array(bytes) });
      },
    });
  } catch (error) {
    assert.ok(error instanceof FaultError && error.fault.code === "invalid_request");
    return `refused after ${fetched}`;
  }
  return `all ${fetched}`;
}

test("twenty images by URL are fetched, but not twenty of the largest size", async () => {
  assert.equal(await fetchAll(20, MIB), "all 20");
  assert.equal(await fetchAll(20, 19 * MIB), "refused after 3");
  assert.equal(await fetchAll(21, 1), "refused after 0");
});
