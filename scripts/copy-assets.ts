// Second half of `npm run build`: copies what the compiler leaves behind (Lua scripts, pages) from src/ to dist/.
// Must never copy TypeScript, so that the published package holds no source twice.

import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

function copyAssets(): readonly string[] {
  const assets = readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const asset of assets) {
    cpSync(asset, join(ROOT, "dist", asset.slice(join(ROOT, "src").length)));
  }
  return assets;
}

process.stdout.write(`copied ${copyAssets().length} assets to dist/\n`);
