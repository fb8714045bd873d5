// Which modules a file imports, and whether for types alone. Finds static, re-exporting and dynamic imports.
// Must never resolve a module: it gives the specifier as written, and for relative ones the path it names.

import { posix } from "node:path";
import type { Segment, SourceText } from "./source-text.ts";

export interface ImportStatement {
  readonly specifier: string;
  /** Path in the repository for a relative specifier, else null. */
  readonly target: string | null;
  /** True for `import type … from` and `export type … from`, which leave nothing behind at run time. */
  readonly typeOnly: boolean;
  /** What stands between the braces, original names only; empty for namespaces and dynamic imports. */
  readonly names: readonly string[];
  readonly offset: number;
}

const BEFORE_SPECIFIER = /\b(?:from|import|require)\s*\(?\s*$/;
const SPECIFIER_LOOK_BACK_CHARS = 40;

/** All imports of a file, in order. */
export function importsOf(source: SourceText): readonly ImportStatement[] {
  return source.segments
    .filter((segment) => segment.kind === "string" && isSpecifier(source, segment))
    .map((segment) => readImport(source, segment));
}

function isSpecifier(source: SourceText, segment: Segment): boolean {
  const from = Math.max(0, segment.start - SPECIFIER_LOOK_BACK_CHARS);
  return BEFORE_SPECIFIER.test(source.code.slice(from, segment.start));
}

function readImport(source: SourceText, segment: Segment): ImportStatement {
  const specifier = source.raw.slice(segment.start + 1, segment.end - 1);
  const before = source.code.slice(0, segment.start);
  const start = Math.max(before.lastIndexOf("import"), lastExport(before));
  const statement = before.slice(Math.max(0, start));
  const braces = /\{([^}]*)\}/.exec(statement)?.[1] ?? "";
  return {
    specifier,
    target: specifier.startsWith(".") ? posix.join(posix.dirname(source.path), specifier) : null,
    typeOnly: /^(?:import|export)\s+type\s+(?!from\b|,)/.test(statement),
    names: braces
      .split(",")
      .map((name) =>
        name
          .trim()
          .replace(/^type\s+/, "")
          .replace(/\s+as\s[\s\S]*$/, ""),
      )
      .filter((name) => name !== ""),
    offset: segment.start,
  };
}

/** An `export … from` only counts when `from` follows; a plain export may stand right before an import. */
function lastExport(before: string): number {
  return /\bfrom\s*$/.test(before) ? before.lastIndexOf("export") : -1;
}
