// The version of this Fairlead, from its package. Must never fail a start: without a package it is "unknown".

import { readFileSync } from "node:fs";

export function readVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  const known = typeof parsed === "object" && parsed !== null && "version" in parsed;
  return known ? String(parsed.version) : "unknown";
}
