// The profile a replay runs under: one by name, with single divergence settings changed by `--set`.
// Must never accept what a profile file could not say: the same schema checks it.

import { faultsOf, hint } from "../config-faults.ts";
import { readYaml } from "../config-yaml.ts";
import { profileSchema } from "../profiles.ts";
import type { Profile } from "../turn/profile.ts";
import { asObject } from "./json-shape.ts";

const SECTION = "divergence";

export type ProfileResult =
  | { readonly ok: true; readonly profile: Profile }
  | { readonly ok: false; readonly message: string };

/** `sets` as they were given: `divergence.KEY=VALUE`, applied in order. */
export function replayProfile(
  profiles: ReadonlyMap<string, Profile>,
  name: string,
  sets: readonly string[],
): ProfileResult {
  const profile = profiles.get(name.toUpperCase());
  if (profile === undefined) {
    const names = [...profiles.keys()].toSorted();
    const meant = hint(name, names);
    const known = `Known: ${names.join(", ")}.`;
    return {
      ok: false,
      message: `There is no profile ${name}${meant === "" ? "." : meant} ${known}`,
    };
  }
  let section: unknown = profile.divergence;
  for (const set of sets) {
    const parsed = /^divergence\.([^=]+)=(.*)$/s.exec(set);
    const value = readYaml(parsed?.[2] ?? "");
    const path = parsed?.[1]?.split(".") ?? [];
    if (path.length === 0 || path.includes("") || !value.ok) {
      return { ok: false, message: `--set ${set}: expected divergence.KEY=VALUE.` };
    }
    section = withValue(section, path, value.value);
  }
  const checked = profileSchema.safeParse({ [SECTION]: section });
  if (checked.success) {
    return { ok: true, profile: { ...profile, divergence: checked.data.divergence } };
  }
  const faults = faultsOf(checked.error, profileSchema);
  const lines = faults.map(({ path, message }) => `--set ${path}: ${message}`);
  return { ok: false, message: lines.join("\n") };
}

/** A copy of the tree in which the value stands at the path. */
function withValue(tree: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const node = asObject(tree) ?? {};
  return { ...node, [key]: withValue(node[key], rest, value) };
}
