// In which header a provider takes its key. Must never be asked for another provider's key.

/** bearer: `Authorization: Bearer KEY`; the others are names of headers that hold the bare key. */
export type KeyHeader = "bearer" | "x-api-key" | "api-key" | "x-goog-api-key";

/** Null: the provider asks for no key. */
export function keyHeader(header: KeyHeader, key: string | null): Readonly<Record<string, string>> {
  if (key === null) return {};
  return header === "bearer" ? { authorization: `Bearer ${key}` } : { [header]: key };
}
