// Reads what a provider sent as a JSON object. Must never throw over what it is given.

/** Null when the text is not JSON, or JSON of another kind. */
export function parseObject(text: string): Record<string, unknown> | null {
  return asObject(parseJson(text));
}

/** Null when the text is not JSON: to the caller that is the same as JSON that says nothing. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function asObject(value: unknown): Record<string, unknown> | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
