// Which profile a turn runs under: the stored one holds, and when a caller names another, the stricter of the two.
// Pure. Must never let a header loosen what a conversation was promised.

import type { DivergenceMode, Profile } from "../turn/profile.ts";

const PIN_STRICTNESS = { none: 0, hold: 1, lock: 2 } as const;

/** The stricter profile: by pin, then by floor. Of two equal ones, the stored. */
export function stricterProfile(stored: Profile, named: Profile | null): Profile {
  if (named === null || named === stored) return stored;
  const byPin = PIN_STRICTNESS[named.pin.mode] - PIN_STRICTNESS[stored.pin.mode];
  if (byPin !== 0) return byPin > 0 ? named : stored;
  return (named.floor ?? 0) > (stored.floor ?? 0) ? named : stored;
}

const MODE_ORDER: readonly DivergenceMode[] = ["off", "observe", "correct"];

/** The lowest of the modes that have a say: globally, for the key, in the profile. */
export function lowestMode(modes: readonly (DivergenceMode | null)[]): DivergenceMode {
  const ranks = modes.map((mode) =>
    mode === null ? MODE_ORDER.length - 1 : MODE_ORDER.indexOf(mode),
  );
  return MODE_ORDER[Math.min(...ranks)] ?? "off";
}
