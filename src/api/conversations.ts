// The query of the lists that are read back. Must never let a page grow beyond its bound.

import { throwFault } from "../turn/fault.ts";

/** Default and largest page of every list. */
const LIMIT_DEFAULT = 50;

export interface ListQuery {
  readonly limit: number;
  readonly cursor: string | null;
  readonly state: string | null;
  readonly profile: string | null;
}

/** Longest value of a list's filter or cursor, in characters. */
const QUERY_LENGTH_MAX = 512;

/** Reads `?limit=&cursor=&state=&profile=`. Throws a FaultError for a limit that is none. */
export function readListQuery(query: unknown, limitMax: number): ListQuery {
  const values = new Map(typeof query === "object" && query !== null ? Object.entries(query) : []);
  const text = (name: string): string | null => {
    const value: unknown = values.get(name);
    if (value === undefined || value === "") return null;
    if (typeof value === "string" && value.length <= QUERY_LENGTH_MAX) return value;
    return throwFault("invalid_request", `\`${name}\` must be given once, as a short text.`, {
      param: name,
    });
  };
  const limit = text("limit");
  const number = limit === null ? LIMIT_DEFAULT : Number(limit);
  if (!Number.isInteger(number) || number < 1 || number > limitMax) {
    throwFault("invalid_request", `\`limit\` must be a whole number from 1 to ${limitMax}.`, {
      param: "limit",
    });
  }
  return {
    limit: number,
    cursor: text("cursor"),
    state: text("state")?.toLowerCase() ?? null,
    profile: text("profile")?.toUpperCase() ?? null,
  };
}
