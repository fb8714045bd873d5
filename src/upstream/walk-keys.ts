// The keys of a provider as a walk goes through them: named by position, begun at a drawn one. Pure.
// Must never tell a key's value but to the attempt that sends it.

import type { Tried } from "./health.ts";
import type { Route } from "./transport.ts";

/** The same ring of names, begun at the drawn one. `draw`: 0 … 1. */
export function drawnFirst(names: readonly string[], draw: number): readonly string[] {
  const first = Math.floor(draw * names.length) % Math.max(1, names.length);
  return [...names.slice(first), ...names.slice(0, first)];
}

/** The key behind a name; null where the provider asks for none. */
export function keyValue(route: Route, name: string): string | null {
  const position = Number(name.slice(name.lastIndexOf(" ") + 1)) - 1;
  return route.provider.keys[position] ?? null;
}

/** One name for both. */
export function pairName({ deployment, key }: Tried): string {
  return `${deployment} ${key}`;
}
