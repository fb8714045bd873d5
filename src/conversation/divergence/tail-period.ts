// Finds out whether the end of a row of numbers repeats itself exactly, and how often.
// Must never look at more than the row's bound, nor cost more than a few steps for each number added.

/** How many of the newest numbers are remembered. A power of two. */
const REMEMBERED = 1024;
/** Every so many numbers the end is looked at: often enough to be early, seldom enough to be cheap. */
const CHECK_EVERY = 64;
/** Longest period that is looked for, in numbers. */
export const PERIOD_MAX = 240;
/** How many of the newest numbers must stand one period earlier too, before a closer look is worth it. */
const LOOK_AHEAD = 3;

/** An exact repetition that reaches to the very end. */
export interface TailPeriod {
  /** How many numbers are repeated. */
  readonly period: number;
  /** How many of the newest numbers are part of it. */
  readonly covered: number;
}

/** What the caller makes of one: `known` is how many numbers are remembered. */
export type TailJudge = (found: TailPeriod, known: number) => boolean;

export interface Tail {
  /** Adds a number; true when it is time to look at the end. */
  push(value: number): boolean;
  /** The longest repetition at the end that `accepts`, of PERIOD_MAX at most; null without one. O(REMEMBERED). */
  find(accepts: TailJudge): TailPeriod | null;
  /** The newest numbers, newest first. */
  newest(count: number): readonly number[];
}

export function createTail(): Tail {
  const ring = new Int32Array(REMEMBERED);
  let pushed = 0;

  const at = (back: number): number => ring[(pushed - 1 - back) & (REMEMBERED - 1)] ?? 0;

  function reversed(): Int32Array {
    const known = Math.min(pushed, REMEMBERED);
    const values = new Int32Array(known);
    for (let back = 0; back < known; back += 1) {
      values[back] = at(back);
    }
    return values;
  }

  /** Almost every text is told from a repetition here. */
  function mayRepeat(): boolean {
    const last = Math.min(pushed - LOOK_AHEAD, PERIOD_MAX);
    for (let period = 1; period <= last; period += 1) {
      let back = 0;
      while (back < LOOK_AHEAD && at(back) === at(back + period)) back += 1;
      if (back === LOOK_AHEAD) return true;
    }
    return false;
  }

  return {
    push(value) {
      ring[pushed & (REMEMBERED - 1)] = value;
      pushed += 1;
      return pushed % CHECK_EVERY === 0;
    },
    find: (accepts) => (mayRepeat() ? longest(reversed(), accepts) : null),
    newest: (count) => [...reversed().subarray(0, count)],
  };
}

/**
 * Knuth, Morris and Pratt: of every beginning of the reversed row the longest proper border, and with it
 * the smallest period.
 */
function longest(values: Int32Array, accepts: TailJudge): TailPeriod | null {
  const borders = new Int32Array(values.length);
  let border = 0;
  let found: TailPeriod | null = null;
  for (let at = 1; at < values.length; at += 1) {
    while (border > 0 && values[at] !== values[border]) border = borders[border - 1] ?? 0;
    if (values[at] === values[border]) border += 1;
    borders[at] = border;
    // Less than one repetition is none.
    if (border * 2 < at + 1) continue;
    const candidate = { period: at + 1 - border, covered: at + 1 };
    if (candidate.period <= PERIOD_MAX && accepts(candidate, values.length)) found = candidate;
  }
  return found;
}
