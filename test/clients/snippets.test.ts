// Goal: what docs/clients.md tells people to paste works. Method: its TypeScript snippets are run as they stand, each
// in a process of its own, with nothing changed but the address of the gateway.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FINAL_TEXT, startScene } from "./support/scene.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DOCUMENTED_URL = "http://127.0.0.1:8787";
/** Longest time one snippet may take, in milliseconds. */
const SNIPPET_MS_MAX = 30_000;

const document = readFileSync(join(root, "docs/clients.md"), "utf8");
const snippets = [
  ...document.matchAll(/^## ([^\n]+)\n(?:(?!^## )[\s\S])*?^```ts\n([\s\S]*?)^```/gm),
];

test("the document has a snippet for every SDK that is tested here", () => {
  const names = snippets.map(([, name]) => name);
  const tested = ["OpenAI SDK", "AI SDK", "OpenAI Agents SDK", "LangGraph", "Anthropic SDK"];
  assert.deepEqual(names, tested);
});

for (const [, name, code = ""] of snippets) {
  test(`the snippet for ${name} runs as it stands and is a conversation of its own`, async (t) => {
    const scene = await startScene(t);
    const folder = mkdtempSync(join(tmpdir(), "fairlead-snippet-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const file = join(folder, "snippet.mts");
    writeFileSync(file, code.replaceAll(DOCUMENTED_URL, scene.gateway.url));
    const { PATH } = process.env;
    const options = { cwd: folder, env: { PATH }, timeout: SNIPPET_MS_MAX };
    const { stdout } = await promisify(execFile)(process.execPath, [file], options);
    assert.equal(stdout.trim(), FINAL_TEXT);
    const id = /"X-Conversation-ID": "([^"]+)"/.exec(code)?.[1];
    const seen = await scene.gateway.read(`/v1/conversations/${id}`);
    assert.deepEqual([seen.turns, seen.profile], [1, "AGENT"]);
  });
}
