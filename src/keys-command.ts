// `fairlead keys create`: mints an API key and prints the lines that let it in.
// Must never store the key: it is shown once and is then known to its holder alone.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { hashApiKey, mintApiKey } from "./admission/api-key.ts";
import type { CommandIo } from "./check-command.ts";
import { errorCode, PEPPER_LENGTH_MIN, readPepperFile } from "./config-files.ts";
import { ID_PATTERN } from "./config-values.ts";

export const KEYS_USAGE = `Usage: fairlead keys create --id ID --tenant TENANT [options]

  --id ID             name of the key in receipts and logs
  --tenant TENANT     whose it is: conversations are kept apart by tenant
  --role ROLE         user (default) or admin
  --dev               mint a development key (llm_gw_dev_…)
  --pepper-file PATH  secret the hash is made with; created if it is not there
                      (default: FAIRLEAD_KEY_PEPPER, else data/key.pepper)
`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

const DEFAULT_PEPPER_FILE = "data/key.pepper";
/** Entropy of a new pepper, in bytes. */
const PEPPER_BYTES = 32;
const OWNER_ONLY_FILE_MODE = 0o600;
const OWNER_ONLY_FOLDER_MODE = 0o700;

interface Wish {
  readonly id: string;
  readonly tenant: string;
  readonly role: "user" | "admin";
  readonly environment: "prod" | "dev";
  readonly pepperFile: string | null;
}

/** `args` follow `fairlead keys`. Returns the exit code: 0 done, 1 it failed, 2 wrong usage. */
export async function runKeysCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const wish = readWish(args);
  if (typeof wish === "string") {
    io.error(`${wish}\n\n${KEYS_USAGE}`);
    return EXIT_USAGE;
  }
  const pepper = obtainPepper(wish, io);
  if (typeof pepper === "string") {
    io.error(`${pepper}\n`);
    return EXIT_FAULT;
  }
  const key = mintApiKey({ environment: wish.environment, random: io.random });
  io.out(`${key}\n`);
  io.error("This key is shown once and stored nowhere. Add to fairlead.yaml:\n");
  io.out(`${yamlLines(wish, hashApiKey(key, pepper.value), pepper.file).join("\n")}\n`);
  return EXIT_OK;
}

function readWish(args: readonly string[]): Wish | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        id: { type: "string" },
        tenant: { type: "string" },
        role: { type: "string", default: "user" },
        dev: { type: "boolean", default: false },
        "pepper-file": { type: "string" },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : "the arguments cannot be read";
  }
  const { values, positionals } = parsed;
  if (positionals.length !== 1 || positionals[0] !== "create") {
    return "The only thing to do with keys is: create";
  }
  const { id, tenant, role } = values;
  if (id === undefined || tenant === undefined) {
    return "Both --id and --tenant are needed";
  }
  if (!ID_PATTERN.test(id) || !ID_PATTERN.test(tenant)) {
    return "--id and --tenant take letters, digits, dots, - and _ (64 at most)";
  }
  if (role !== "user" && role !== "admin") {
    return "--role is user or admin";
  }
  const environment = values.dev ? "dev" : "prod";
  return { id, tenant, role, environment, pepperFile: values["pepper-file"] ?? null };
}

interface Pepper {
  readonly value: string;
  /** Null: it came from FAIRLEAD_KEY_PEPPER. */
  readonly file: string | null;
}

function obtainPepper(wish: Wish, io: CommandIo): Pepper | string {
  const variable = (io.environment["FAIRLEAD_KEY_PEPPER"] ?? "").trim();
  if (wish.pepperFile === null && variable !== "") {
    return variable.length < PEPPER_LENGTH_MIN
      ? `FAIRLEAD_KEY_PEPPER holds less than ${PEPPER_LENGTH_MIN} characters`
      : { value: variable, file: null };
  }
  const file = resolve(io.workingDirectory, wish.pepperFile ?? DEFAULT_PEPPER_FILE);
  const created = createPepperFile(file, io);
  if (created !== null) {
    return created;
  }
  const read = readPepperFile(file);
  return read.ok ? { value: read.value, file } : `The pepper file ${file} ${read.message}`;
}

/** Leaves a file that is there alone. Null: there is one now; else the text of the fault. */
function createPepperFile(file: string, io: CommandIo): string | null {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: OWNER_ONLY_FOLDER_MODE });
    const pepper = Buffer.from(io.random(PEPPER_BYTES)).toString("hex");
    // wx: a pepper that is there must not be replaced, for keys exist under it.
    writeFileSync(file, `${pepper}\n`, { flag: "wx", mode: OWNER_ONLY_FILE_MODE });
    io.error(`Created the pepper file ${file}. Keep a copy: without it every key is void.\n`);
    return null;
  } catch (error) {
    const code = errorCode(error);
    return code === "EEXIST" ? null : `The pepper file ${file} cannot be created (${code})`;
  }
}

function yamlLines(wish: Wish, hash: string, pepperFile: string | null): readonly string[] {
  const { id, tenant, role } = wish;
  const names = `id: ${quoted(id)}, tenant: ${quoted(tenant)}, role: ${role}`;
  const lines = ["keys:", `  - { ${names}, hash: "${hash}" }`];
  return pepperFile === null ? lines : [...lines, `keyPepper: { file: ${quoted(pepperFile)} }`];
}

/** Ids like `1e3` or `true` are no text in YAML without quotes. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
