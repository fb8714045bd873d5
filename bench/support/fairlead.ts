// Fairlead as a variant: one provider (the stub), a fresh SQLite file, a port of its own.
// Must never use a configuration or a database of the user.

import { existsSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { StartOptions } from "./processes.ts";

const DEFAULT_CLI = join(import.meta.dirname, "../../src/cli.ts");

export interface FairleadOptions {
  /** Existing empty folder for configuration and database. */
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly core: number | null;
  /** The `cli.ts` (or built `cli.js`) to start; null: the one of this working copy. */
  readonly cli: string | null;
}

/** Writes the configuration and returns how to start it. Throws when there is no `cli` to start. */
export function prepareFairlead(options: FairleadOptions): StartOptions {
  const cli = resolve(options.cli ?? DEFAULT_CLI);
  if (!existsSync(cli)) throw new Error(`${cli} does not exist`);
  const config = {
    listen: { host: "127.0.0.1", port: options.port },
    store: `sqlite:${join(options.folder, "f.db")}`,
    providers: [
      {
        id: "lab",
        dialect: "openai-chat",
        baseUrl: `http://127.0.0.1:${options.upstreamPort}/v1`,
        keys: ["k"],
        models: [
          {
            id: "big",
            model: "big-1",
            contextTokens: 1_000_000,
            price: { input: 3, output: 15 },
            quality: { chat: 0.9, agent: 0.9, coding: 0.9 },
            capabilities: ["tools", "json"],
          },
        ],
      },
    ],
    log: { level: "silent" },
  };
  const file = join(options.folder, "fairlead.yaml");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config, null, 2));
  return {
    command: process.execPath,
    args: [cli, "start", "--config", file, "--port", String(options.port)],
    core: options.core,
    cwd: resolve(dirname(cli), ".."),
  };
}
