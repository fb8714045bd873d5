// The files a configuration consists of or names: itself, the pepper, the TLS certificate.
// Must never report what a file holds, only that it cannot be used.

import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import type { Environment } from "./config-environment.ts";
import type { ConfigFault } from "./config-faults.ts";
import { readYaml } from "./config-yaml.ts";

/** Largest configuration file, in bytes: thousands of keys fit. */
const CONFIG_FILE_BYTES_MAX = 16_777_216;
const PEPPER_FILE_BYTES_MAX = 4_096;
/** Shortest pepper, in characters: 128 bits in hexadecimal. */
export const PEPPER_LENGTH_MIN = 32;

export type FileResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] };

/** The parsed file, not yet checked. The path of its faults is the file. */
export function readConfigFile(file: string): FileResult<unknown> {
  const text = readText(file, CONFIG_FILE_BYTES_MAX);
  if (!text.ok) {
    return { ok: false, faults: [{ path: file, message: text.message }] };
  }
  const document = readYaml(text.value);
  return document.ok
    ? document
    : { ok: false, faults: document.messages.map((message) => ({ path: file, message })) };
}

/** The pepper in `file`, without the newline an editor adds, or the text of the fault. */
export function readPepperFile(
  file: string,
):
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly message: string } {
  const text = readText(file, PEPPER_FILE_BYTES_MAX);
  if (!text.ok) {
    return text;
  }
  const pepper = text.value.trim();
  return pepper.length < PEPPER_LENGTH_MIN
    ? { ok: false, message: `holds less than ${PEPPER_LENGTH_MIN} characters` }
    : { ok: true, value: pepper };
}

const namedFiles = z.object({
  keys: z.array(z.unknown()).catch([]),
  keyPepper: z.object({ file: z.string() }).nullable().catch(null),
  listen: z
    .object({
      tls: z
        .object({ cert: z.string().nullable().catch(null), key: z.string().nullable().catch(null) })
        .nullable()
        .catch(null),
    })
    .catch({ tls: null }),
});

export interface NamedFiles {
  readonly pepper: string | null;
  readonly faults: readonly ConfigFault[];
}

/** Reads the pepper and sees that the TLS files can be read. Paths are relative to `folder`. */
export function readNamedFiles(
  tree: Readonly<Record<string, unknown>>,
  folder: string,
  environment: Environment,
): NamedFiles {
  const { keys, keyPepper, listen } = namedFiles.parse(tree);
  const faults: ConfigFault[] = [];
  for (const field of ["cert", "key"] as const) {
    const file = listen.tls?.[field] ?? null;
    const message = file === null ? null : unreadable(resolve(folder, file));
    if (message !== null) {
      faults.push({ path: `listen.tls.${field}`, message });
    }
  }
  const variable = environment["FAIRLEAD_KEY_PEPPER"] ?? "";
  let pepper: string | null = null;
  if (keyPepper !== null) {
    const read = readPepperFile(resolve(folder, keyPepper.file));
    if (read.ok) {
      pepper = read.value;
    } else {
      faults.push({ path: "keyPepper.file", message: read.message });
    }
  } else if (variable !== "") {
    pepper = variable.trim();
    if (pepper.length < PEPPER_LENGTH_MIN) {
      const message = `holds less than ${PEPPER_LENGTH_MIN} characters`;
      faults.push({ path: "FAIRLEAD_KEY_PEPPER", message });
    }
  } else if (keys.length > 0 && tree["keyPepper"] === undefined) {
    const message = "is missing, and keys cannot be checked without it; see `fairlead keys create`";
    faults.push({ path: "keyPepper", message });
  }
  return { pepper, faults };
}

/** The text of a file, or what keeps it from being read. */
export function readText(
  file: string,
  bytesMax: number,
):
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly message: string } {
  try {
    if (statSync(file).size > bytesMax) {
      return { ok: false, message: `is larger than ${bytesMax} bytes` };
    }
    return { ok: true, value: readFileSync(file, "utf8") };
  } catch (error) {
    return { ok: false, message: `cannot be read (${errorCode(error)})` };
  }
}

function unreadable(file: string): string | null {
  try {
    accessSync(file, constants.R_OK);
    return null;
  } catch (error) {
    return `cannot be read (${errorCode(error)})`;
  }
}

/** The system's name for what went wrong, like ENOENT. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
