// Credentials that are files: read where a configuration names them, and put in the place of their names.
// Must never report what a file holds, only that it cannot be used.

import { resolve } from "node:path";
import { z } from "zod";
import { formatPath, type ConfigFault } from "./config-faults.ts";
import { readText } from "./config-files.ts";
import { faultOfGoogleAccount } from "./upstream/signing/google-account.ts";

/** Largest key file, in bytes. */
const KEY_FILE_BYTES_MAX = 65_536;

type Tree = Readonly<Record<string, unknown>>;

/** Whatever is shaped otherwise is the schema's to refuse. */
const providersOutline = z.object({ providers: z.array(z.unknown()) });
const googleOutline = z.looseObject({ google: z.looseObject({ credentials: z.string() }) });

export interface ReadCredentials {
  readonly tree: Tree;
  readonly faults: readonly ConfigFault[];
}

/** Paths are relative to `folder`. What begins with a brace is the content itself. */
export function readCredentialFiles(tree: Tree, folder: string): ReadCredentials {
  const outline = providersOutline.safeParse(tree);
  if (!outline.success) return { tree, faults: [] };
  const faults: ConfigFault[] = [];
  const providers = outline.data.providers.map((provider, index) => {
    const parsed = googleOutline.safeParse(provider);
    if (!parsed.success) return provider;
    const { google } = parsed.data;
    const path = formatPath(["providers", index, "google", "credentials"]);
    const read = readCredentials(google.credentials, folder);
    const fault = read.ok ? faultOfGoogleAccount(read.value) : read.message;
    if (fault !== null) faults.push({ path, message: fault });
    if (!read.ok) return provider;
    return { ...parsed.data, google: { ...google, credentials: read.value } };
  });
  return { tree: { ...tree, providers }, faults };
}

function readCredentials(written: string, folder: string): ReturnType<typeof readText> {
  return written.trimStart().startsWith("{")
    ? { ok: true, value: written }
    : readText(resolve(folder, written), KEY_FILE_BYTES_MAX);
}
