// A whole gateway for tests that come through the front door: real sockets, a real store, a scripted upstream.
// Must never share a port, a folder or a store between tests.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { loadConfig, type Config } from "../../src/config.ts";
import { createGateway, type GatewayOptions } from "../../src/gateway.ts";
import type { Upstream } from "./upstream.ts";

/** fairlead.yaml as an object: JSON is YAML. */
export type ConfigTree = Readonly<Record<string, unknown>>;

export interface TestGateway {
  readonly url: string;
  readonly config: Config;
  /** Everything the gateway has logged so far, as one text. */
  readonly logged: () => string;
  /** POST /v1/chat/completions with a JSON body. */
  chat(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** GET a path; asserts status 200 and returns the JSON. */
  read(path: string, headers?: Readonly<Record<string, string>>): Promise<Json>;
  close(): Promise<void>;
}

/** What tests look into: answers are checked by their asserts, not by types. */
export type Json = ReturnType<JSON["parse"]>;

/** A model entry with everything set, so that tests name only what they are about. */
export function model(id: string, about: Readonly<Record<string, unknown>> = {}): ConfigTree {
  return {
    id,
    contextTokens: 200_000,
    maxOutputTokens: 8_192,
    capabilities: ["tools", "vision", "json"],
    price: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 },
    quality: { chat: 0.9, agent: 0.9, coding: 0.9 },
    ...about,
  };
}

/** A provider entry for a scripted upstream. */
export function provider(
  id: string,
  upstream: Pick<Upstream, "baseUrl">,
  about: Readonly<Record<string, unknown>> = {},
): ConfigTree {
  return {
    id,
    dialect: "openai-chat",
    baseUrl: upstream.baseUrl,
    keys: [`secret-${id}-1`],
    models: [model("big", { model: "big-1" })],
    ...about,
  };
}

/** Starts a gateway that is closed when the test ends. Its store: SQLite in a folder of its own, unless told else. */
export async function startGateway(
  t: TestContext,
  tree: ConfigTree,
  options: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  let stop = (): Promise<void> => Promise.resolve();
  // What is still open may write into the folder while it is removed.
  t.after(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const config = readTree(folder, tree);
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const gateway = await createGateway({ config, logger, simulatorSpeed: 0, ...options });
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => (closed ??= gateway.close());
  stop = close;
  return {
    url: gateway.url,
    config,
    logged: () => lines.join(""),
    chat: (body, headers = {}) =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async read(path, headers = {}) {
      const response = await fetch(`${gateway.url}${path}`, { headers });
      const text = await response.text();
      assert.equal(response.status, 200, `${path}: ${text}`);
      return JSON.parse(text);
    },
    close,
  };
}

/** Loads a configuration tree as if it were a file in `folder`. */
export function readTree(folder: string, tree: ConfigTree): Config {
  const file = join(folder, "fairlead.yaml");
  const defaults = {
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(folder, "fairlead.db")}`,
    timeouts: { shutdownMs: 2_000 },
  };
  writeFileSync(file, JSON.stringify({ ...defaults, ...tree }));
  const loaded = loadConfig({ file, environment: {}, workingDirectory: folder });
  assert.ok(loaded.ok, loaded.ok ? "" : JSON.stringify(loaded.faults));
  return loaded.config;
}

/** A conversation's headers. */
export function inConversation(id: string, profile = "AGENT"): Readonly<Record<string, string>> {
  return { "x-conversation-id": id, "x-router-profile": profile };
}
