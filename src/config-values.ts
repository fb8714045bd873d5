// The kinds of values a configuration is made of, with their bounds. Must never read anything.

import { z } from "zod";

const NAME_LENGTH_MAX = 64;
export const LIST_LENGTH_MAX = 1_000;

/** Ids of providers, keys and tenants. No slash: it separates provider and model. */
export const ID_PATTERN = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${NAME_LENGTH_MAX - 1}}$`);
export const ID_HELP = "expected letters, digits, dots, - and _ (64 at most, no slash)";

export const id = () => z.string().regex(ID_PATTERN, ID_HELP);
/** Model names are the vendors': slashes and colons occur. */
export const modelName = () =>
  z.string().regex(/^[\x21-\x7e]{1,256}$/, "expected 1 to 256 printable characters, no spaces");

/** Numbers may come from `${VARIABLE}`, which is text. */
export const whole = (least: number, most: number) =>
  z.preprocess(numberInText, z.int().min(least).max(most));

export const yesNo = () =>
  z.preprocess(
    (value) => (value === "true" ? true : value === "false" ? false : value),
    z.boolean(),
  );

function numberInText(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
}
