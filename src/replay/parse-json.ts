// JSON of a transcript, with its large integers kept apart.
// Must never quote the text in a message: a transcript may be private.

/** From this many digits on a number may be one that a double cannot hold. */
const LONG_NUMBER = /\d{16}/;

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

/** Integers beyond 2^53 become the text they were written as: two different ones must not look equal. */
export function parseJson(text: string): ParsedJson {
  try {
    const value: unknown = LONG_NUMBER.test(text)
      ? JSON.parse(text, keepLongIntegers)
      : JSON.parse(text);
    return { ok: true, value };
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, message: `is not JSON${place(error)}` };
    if (error instanceof RangeError) return { ok: false, message: "is nested too deep" };
    throw error;
  }
}

function keepLongIntegers(_key: string, value: unknown, context?: { source?: string }): unknown {
  const unsafe =
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return unsafe ? (context?.source ?? value) : value;
}

/** Only the place is taken from the engine's message: the rest quotes the text. */
function place(error: SyntaxError): string {
  const position = /position \d+/.exec(error.message)?.[0];
  return position === undefined ? "" : ` (${position})`;
}
