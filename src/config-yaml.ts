// Reads YAML (JSON is a subset of it) into plain data.
// Must never quote the text in a message: a configuration holds keys and passwords.

import { LineCounter, parseDocument } from "yaml";

/** Aliases are a way to write a small file that unfolds into a huge one. */
const ALIAS_COUNT_MAX = 100;

export type YamlResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly messages: readonly string[] };

/** Parses one document. Every syntax fault is reported with its line, none with the text itself. */
export function readYaml(text: string): YamlResult {
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    if (document.errors.length > 0) {
      const messages = document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return `is not valid YAML at line ${line}, column ${col} (${describe(error.code)})`;
      });
      return { ok: false, messages };
    }
    return { ok: true, value: document.toJS({ maxAliasCount: ALIAS_COUNT_MAX }) };
  } catch {
    // The library's own message may quote the text, so only the cause it stands for is told.
    return {
      ok: false,
      messages: ["cannot be unfolded: an alias without an anchor, too many of them, or too deep"],
    };
  }
}

function describe(code: string): string {
  if (code === "BLOCK_AS_IMPLICIT_KEY") {
    return "a value with a colon at its end or before a space needs quotes";
  }
  return code.toLowerCase().replaceAll("_", " ");
}
