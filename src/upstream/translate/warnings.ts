// What of a request a translation cannot carry, in sentences for the client. Pure.
// Must never grow without bound, nor hold what a caller or a model wrote beyond the name of a parameter.

import type { CanonicalResult } from "../../turn/canonical.ts";

/** Most warnings of one turn. */
const WARNINGS_MAX = 16;
/** Longest warning, in characters. */
const WARNING_LENGTH_MAX = 240;
/** A warning about a parameter begins with its name. */
const PARAMETER = /^`([^`]{1,100})`/;

/** One after another, each once, up to the most that are told. */
export function joinWarnings(...lists: readonly (readonly string[])[]): readonly string[] {
  const all = new Set(lists.flat().map((text) => text.slice(0, WARNING_LENGTH_MAX)));
  return [...all].slice(0, WARNINGS_MAX);
}

/** What a provider's package says it has left out. */
export function readWarnings(told: CanonicalResult["warnings"]): readonly string[] {
  return told
    .slice(0, WARNINGS_MAX)
    .map((warning) => {
      switch (warning.type) {
        case "unsupported":
          return `\`${inSnakeCase(warning.feature)}\` is not carried: ${why(warning.details)}`;
        case "compatibility":
          return `${warning.feature}: ${why(warning.details)}`;
        case "deprecated":
          return `${warning.setting}: ${warning.message}`;
        case "other":
          return warning.message;
      }
    })
    .map(withoutContent);
}

/** Some warnings end with the piece of the prompt that they are about. */
function withoutContent(text: string): string {
  const brace = text.indexOf("{");
  return brace === -1 ? text : `${text.slice(0, brace)}…`;
}

/** The first parameter that a warning names; null when none of them is about a parameter. */
export function parameterOf(warnings: readonly string[]): string | null {
  for (const warning of warnings) {
    const [, name] = PARAMETER.exec(warning) ?? [];
    if (name !== undefined) return name;
  }
  return null;
}

function why(details: string | undefined): string {
  return details ?? "the model's dialect has no place for it.";
}

/** Clients know a parameter as `frequency_penalty`. */
function inSnakeCase(feature: string): string {
  return feature.replace(/[a-z][A-Z]/g, ([low = "", high = ""]) => `${low}_${high.toLowerCase()}`);
}
