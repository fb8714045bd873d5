// Finds and reads the TypeScript of the repository. Must never follow links or enter what is installed or built.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix, sep } from "node:path";
import { readSource, type SourceText } from "./source-text.ts";

const FOLDERS = ["src", "test", "bench", "scripts"];
const SOURCE = /\.(?:ts|tsx|mts|mjs|js)$/;
const SKIPPED = /(?:^|\/)(?:node_modules|dist|fixtures)\//;

/** Every source file under `root`, in a stable order. */
export function readSources(root: string): readonly SourceText[] {
  return FOLDERS.filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        posix.join(folder, name.split(sep).join("/")),
      ),
    )
    .filter((path) => SOURCE.test(path) && !SKIPPED.test(path))
    .toSorted()
    .map((path) => readSource(path, readFileSync(join(root, path), "utf8")));
}
