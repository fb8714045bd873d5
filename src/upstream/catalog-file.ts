// The files of the folder catalog/, which the package brings along. Must never be written by a gateway.

import { readFileSync } from "node:fs";

/** The JSON of a file of that folder. */
export function readCatalogFile(name: string): unknown {
  // Two levels up from src/upstream and from dist/upstream alike.
  return JSON.parse(readFileSync(new URL(`../../catalog/${name}`, import.meta.url), "utf8"));
}
