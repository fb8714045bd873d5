// Faults of a configuration: a path and what to do about it, with a hint where a name was mistyped.
// Must never hold a value from the file: a message is printed, and a value may be a secret.

import { z } from "zod";

export interface ConfigFault {
  /** Where, like `providers[0].baseUrl`, `--port` or `FAIRLEAD_PORT`. */
  readonly path: string;
  readonly message: string;
}

/** Most letters by which a name may differ and still be offered as the one that was meant. */
const TYPO_DISTANCE_MAX = 3;

type Path = readonly PropertyKey[];

/** Writes a path the way people read it: `providers[0].models[1].price`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") {
      text += `[${step}]`;
    } else {
      const name = String(step);
      text += /^[\w-]+$/.test(name) ? `${text === "" ? "" : "."}${name}` : `["${name}"]`;
    }
  }
  return text;
}

/** A field within a file: `/etc/profiles/own.yaml: pin.mode`. */
export function joinPath(file: string, path: string): string {
  return path === "" ? file : `${file}: ${path}`;
}

/** All issues of a failed parse, unknown names with the nearest known one. */
export function faultsOf(error: z.ZodError, schema: z.ZodType): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const issue of error.issues) {
    if (issue.code === "unrecognized_keys") {
      const known = knownNames(schema, issue.path);
      for (const key of issue.keys) {
        faults.push({ path: formatPath([...issue.path, key]), message: unknownName(key, known) });
      }
    } else {
      faults.push({ path: formatPath(issue.path), message: withoutLabel(issue.message) });
    }
  }
  return faults;
}

/** The name of `known` that was probably meant, or null. */
export function nearestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.min(TYPO_DISTANCE_MAX, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean x?` or nothing: the tail of a message about a name. */
export function hint(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null ? "" : `; did you mean ${nearest}?`;
}

function unknownName(key: string, known: readonly string[]): string {
  const nearest = hint(key, known);
  return `is not a known name${nearest === "" ? `; known: ${known.join(", ")}` : nearest}`;
}

function withoutLabel(message: string): string {
  return message.replace(/^(Invalid input|Invalid string|Too big|Too small): /, "");
}

interface Described {
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
  readonly additionalProperties?: Described | boolean;
}

// The JSON Schema is walked instead of zod's own classes: it has no wrappers for defaults.
function knownNames(schema: z.ZodType, path: Path): readonly string[] {
  const root: unknown = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
  let node = asDescribed(root);
  for (const step of path) {
    if (typeof step === "number") {
      node = asDescribed(node.items);
    } else {
      node = asDescribed(node.properties?.[String(step)] ?? node.additionalProperties);
    }
  }
  return Object.keys(node.properties ?? {});
}

function asDescribed(value: unknown): Described {
  return typeof value === "object" && value !== null ? value : {};
}

function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const removed = (previous[column] ?? 0) + 1;
      const added = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, removed, added));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
