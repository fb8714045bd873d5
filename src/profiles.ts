// Profiles on disk: the four that come with the package, and the operator's own folder over them.
// Must never fall back to another profile when a file is broken: nobody would have chosen its rules.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type ConfigFault, faultsOf, joinPath } from "./config-faults.ts";
import { errorCode } from "./config-files.ts";
import { readYaml } from "./config-yaml.ts";
import { divergenceSchema } from "./profiles-divergence.ts";
import type { Profile } from "./turn/profile.ts";

/** Quality tiers that a floor may be given as, on the documented 0..1 scale. */
export const QUALITY_TIERS = { frontier: 0.8, strong: 0.6, basic: 0.35 } as const;

const PROFILE_COUNT_MAX = 64;
const PROFILE_FILE_BYTES_MAX = 65_536;
const PROFILE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const EXTENSIONS: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const IDLE_MS_MIN = 60_000;
const IDLE_MS_MAX = 400 * 86_400_000;
const WAIT_MS_MAX = 3_600_000;

const floorSchema = z
  .union([z.enum(["none", "frontier", "strong", "basic"]), z.number().min(0).max(1)], {
    error: "expected none, frontier, strong, basic or a number between 0 and 1",
  })
  .default("none");

const budgetSchema = z
  .union([z.literal("none"), z.number().positive()], {
    error: "expected none or an amount in USD above 0",
  })
  .default("none");

const idleSchema = z
  .string()
  .regex(/^\d{1,6}[mhd]$/, "expected a number with its unit, like 90m, 24h or 30d")
  .refine(
    (text) => idleMs(text) >= IDLE_MS_MIN && idleMs(text) <= IDLE_MS_MAX,
    "expected between 1m and 400d",
  )
  .default("24h");

const pinSchema = z
  .strictObject({
    mode: z
      .enum(["lock", "hold", "none"])
      .default("none")
      .describe(
        "lock: the model for the life of the conversation. hold: until it fails. none: every turn anew.",
      ),
    substitute: z
      .enum(["never", "at-or-above"])
      .default("never")
      .describe("Whether a locked conversation may move to another model of at least its quality."),
  })
  .prefault({});

const underLoadSchema = z
  .strictObject({
    strategy: z
      .enum(["move", "heal", "wait", "cheaper"])
      .default("move")
      .describe(
        "move: next candidate. heal: same model elsewhere, else 503. wait: patient retries. " +
          "cheaper: next cheapest.",
      ),
    waitMsMax: z
      .int()
      .min(0)
      .max(WAIT_MS_MAX)
      .default(0)
      .describe("Longest time a turn may wait for a busy provider, in milliseconds (wait only)."),
    queueMax: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe("Most turns that may wait at once, per process (wait only)."),
  })
  .prefault({});

export const profileSchema = z.strictObject({
  name: z
    .string()
    .regex(PROFILE_NAME, "expected a letter, then letters, digits, _ or - (64 at most)")
    .optional()
    .describe("Name in X-Router-Profile, upper or lower case. Without it: the file's name."),
  description: z.string().max(500).default("").describe("One sentence for the people who choose."),
  pin: pinSchema.describe("What a conversation is held to."),
  floor: floorSchema.describe(
    "Lowest rating the router may choose: none, frontier (0.80), strong (0.60), basic (0.35) or a number.",
  ),
  qualityKind: z
    .enum(["chat", "agent", "coding"])
    .default("chat")
    .describe("Which rating the floor and the ranking by quality look at."),
  divergence: divergenceSchema.describe("How loops are found and answered."),
  rankBy: z
    .array(z.enum(["quality", "cost", "latency", "throughput"]))
    .min(1)
    .max(4)
    .refine((keys) => new Set(keys).size === keys.length, "names one key twice")
    .default(["cost"])
    .describe("What candidates are ranked by, first one first."),
  underLoad: underLoadSchema.describe("What to do when the provider is busy."),
  budgetUsd: budgetSchema.describe("Hard budget of one conversation in USD, or none."),
  idle: idleSchema.describe("How long an untouched conversation is kept: 90m, 24h, 30d."),
});

interface ReadProfile {
  readonly profile: Profile;
  readonly file: string;
}

export interface LoadedProfiles {
  /** By upper-case name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly faults: readonly ConfigFault[];
}

/**
 * Reads the built-in profiles and, over them, those of `folder` (null: none).
 * Broken files become faults whose path is the file and the field.
 */
export function loadProfiles(folder: string | null): LoadedProfiles {
  const builtIn = readFolder(fileURLToPath(new URL("../profiles/", import.meta.url)));
  const own = folder === null ? { read: [], faults: [] } : readFolder(folder);
  const profiles = new Map<string, Profile>();
  for (const { profile } of [...builtIn.read, ...own.read]) {
    profiles.set(profile.name, profile);
  }
  return { profiles, faults: [...builtIn.faults, ...duplicates(own.read), ...own.faults] };
}

function readFolder(folder: string): { read: ReadProfile[]; faults: ConfigFault[] } {
  const read: ReadProfile[] = [];
  const faults: ConfigFault[] = [];
  const files = listFiles(folder);
  if (typeof files === "string") {
    return { read, faults: [{ path: "profiles", message: files }] };
  }
  for (const file of files) {
    const result = readProfile(file);
    if ("profile" in result) {
      read.push({ profile: result.profile, file });
    } else {
      faults.push(...result.faults);
    }
  }
  return { read, faults };
}

function listFiles(folder: string): readonly string[] | string {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    return `the folder ${folder} cannot be read (${errorCode(error)})`;
  }
  const files = names.filter((name) => EXTENSIONS.has(extname(name).toLowerCase())).sort();
  if (files.length > PROFILE_COUNT_MAX) {
    return `the folder ${folder} holds more than ${PROFILE_COUNT_MAX} profiles`;
  }
  return files.map((name) => join(folder, name));
}

function readProfile(
  file: string,
): { readonly profile: Profile } | { readonly faults: readonly ConfigFault[] } {
  let text: string;
  try {
    if (statSync(file).size > PROFILE_FILE_BYTES_MAX) {
      const message = `is larger than ${PROFILE_FILE_BYTES_MAX} bytes`;
      return { faults: [{ path: file, message }] };
    }
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { faults: [{ path: file, message: `cannot be read (${errorCode(error)})` }] };
  }
  const document = readYaml(text);
  if (!document.ok) {
    return { faults: document.messages.map((message) => ({ path: file, message })) };
  }
  const parsed = profileSchema.safeParse(document.value ?? {});
  if (!parsed.success) {
    const faults = faultsOf(parsed.error, profileSchema);
    return { faults: faults.map((fault) => ({ ...fault, path: joinPath(file, fault.path) })) };
  }
  const name = parsed.data.name ?? basename(file, extname(file));
  if (!PROFILE_NAME.test(name)) {
    return { faults: [{ path: file, message: "has no name, and its file name cannot be one" }] };
  }
  return { profile: toProfile(parsed.data, name.toUpperCase()) };
}

function toProfile(file: z.output<typeof profileSchema>, name: string): Profile {
  const { floor, budgetUsd, idle, ...same } = file;
  return {
    ...same,
    name,
    floor: floorValue(floor),
    budgetUsd: budgetUsd === "none" ? null : budgetUsd,
    idleMs: idleMs(idle),
  };
}

function floorValue(floor: "none" | keyof typeof QUALITY_TIERS | number): number | null {
  if (floor === "none") {
    return null;
  }
  return typeof floor === "number" ? floor : QUALITY_TIERS[floor];
}

function idleMs(text: string): number {
  return Number(text.slice(0, -1)) * (UNIT_MS[text.slice(-1)] ?? Number.NaN);
}

function duplicates(read: readonly ReadProfile[]): ConfigFault[] {
  const firstFiles = new Map<string, string>();
  const faults: ConfigFault[] = [];
  for (const { profile, file } of read) {
    const first = firstFiles.get(profile.name);
    if (first === undefined) {
      firstFiles.set(profile.name, file);
    } else {
      faults.push({ path: file, message: `is a second ${profile.name}; the first is ${first}` });
    }
  }
  return faults;
}
