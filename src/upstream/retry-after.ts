// When a provider says to come back, in whichever of its ways it says so. Pure.
// Must never guess: garbage counts as not said, and nobody's clock is trusted to be in the future for ever.

import type { ErrorBody } from "./error-body.ts";

/** How long a key rests whose quota for the day is used up, in milliseconds; then it is asked once again. */
const DAILY_QUOTA_MS = 3_600_000;
/** Above these a bare number is a time, in seconds or milliseconds since 1970, and not a duration in seconds. */
const EPOCH_SECONDS_MIN = 1e9;
const EPOCH_MS_MIN = 1e12;

const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;
const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1_000, 1] as const;

/** What is left of a limit and when it is full again, side by side, as providers tell it. */
const LIMITS = [
  { left: "x-ratelimit-remaining-requests", reset: "x-ratelimit-reset-requests" },
  { left: "x-ratelimit-remaining-tokens", reset: "x-ratelimit-reset-tokens" },
  { left: "x-ratelimit-remaining", reset: "x-ratelimit-reset" },
  { left: "ratelimit-remaining", reset: "ratelimit-reset" },
  ...["requests", "input-tokens", "output-tokens", "tokens"].map((what) => ({
    left: `anthropic-ratelimit-${what}-remaining`,
    reset: `anthropic-ratelimit-${what}-reset`,
  })),
];

export interface RetryAfter {
  /** Milliseconds after which to come back; null: it does not say. */
  readonly ms: number | null;
  /** True when it asks to come back, instead of only telling when its limits are full again. */
  readonly asked: boolean;
}

type ReadHeader = (name: string) => string | null;

/** `retry-after-ms`, `retry-after`, the wait in the body, then the headers that tell of limits. */
export function readRetryAfter(header: ReadHeader, error: ErrorBody, now: number): RetryAfter {
  const asked = exactWait(header) ?? waitOf(header("retry-after"), now) ?? error.retryDelayMs;
  // The wait such a quota comes with is that of its minute: who follows it asks all day long.
  if (error.isDailyQuota) return { ms: Math.max(asked ?? 0, DAILY_QUOTA_MS), asked: true };
  if (asked !== null) return { ms: asked, asked: true };
  return { ms: limitWait(header, now), asked: false };
}

function exactWait(header: ReadHeader): number | null {
  const exact = Number(header("retry-after-ms") ?? Number.NaN);
  return Number.isFinite(exact) && exact >= 0 ? exact : null;
}

/** Whole limits first: what is used up decides; where none says so, the one that is full again first. */
function limitWait(header: ReadHeader, now: number): number | null {
  const told = LIMITS.flatMap(({ left, reset }) => {
    const ms = resetWait(header(reset), now);
    return ms === null ? [] : [{ ms, isUsedUp: Number(header(left) ?? Number.NaN) === 0 }];
  });
  const usedUp = told.filter(({ isUsedUp }) => isUsedUp);
  if (usedUp.length > 0) return Math.max(...usedUp.map(({ ms }) => ms));
  return told.length === 0 ? null : Math.min(...told.map(({ ms }) => ms));
}

/** Seconds or a date, as HTTP has it. */
function waitOf(text: string | null, now: number): number | null {
  if (text === null) return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000;
  return dateWait(text, now);
}

/** The same, a time since 1970, or a duration such as `1m30.5s`. */
function resetWait(text: string | null, now: number): number | null {
  if (text === null || text === "") return null;
  const number = Number(text);
  if (Number.isFinite(number)) {
    if (number >= EPOCH_MS_MIN) return Math.max(0, number - now);
    if (number >= EPOCH_SECONDS_MIN) return Math.max(0, number * 1_000 - now);
    return number >= 0 ? number * 1_000 : null;
  }
  const parts = DURATION.exec(text);
  if (parts === null) return dateWait(text, now);
  return UNITS_MS.reduce((sum, unit, index) => sum + unit * Number(parts[index + 1] ?? 0), 0);
}

function dateWait(text: string, now: number): number | null {
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
