// What a bench orders from the load generator and what it gets back, checked on both sides.
// Must never hold a class or a function: these values cross a process boundary.

import { z } from "zod";

export const loadOrderSchema = z.object({
  port: z.int(),
  size: z.enum(["small", "large"]),
  stream: z.boolean(),
  /** none: no conversation header. growing: each turn adds a step. same: one body for ever. */
  conversation: z.enum(["none", "growing", "same"]),
  /** Part of every conversation id. Orders of one label carry on each other's conversations. */
  label: z.string(),
  /** Requests in flight; each connection has one, and its own conversation. */
  connections: z.int().min(1).max(64),
  warmUpMs: z.number(),
  measureMs: z.number(),
  /** Process whose CPU time is read at both ends of the window. */
  watchPid: z.int().nullable(),
  /** Core that process is pinned to, to see what else ran there. */
  watchCore: z.int().nullable(),
});

export type LoadOrder = z.infer<typeof loadOrderSchema>;

const percentilesSchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number() });
export type Percentiles = z.infer<typeof percentilesSchema>;

export const loadResultSchema = z.object({
  requests: z.int(),
  failures: z.int(),
  firstFailure: z.string().nullable(),
  elapsedMs: z.number(),
  /** CPU time of the watched process within the window, in nanoseconds. */
  cpuNs: z.number().nullable(),
  /** CPU time of the load generator itself within the window, in nanoseconds. */
  generatorCpuNs: z.number().nullable(),
  /** Part of the window in which the watched core ran something else, 0..1. */
  foreignShare: z.number().nullable(),
  /** From the first byte written to the first byte of the body, in microseconds. */
  firstByteMicros: percentilesSchema,
  /** From the first byte written to the last byte of the body, in microseconds. */
  endMicros: percentilesSchema,
});

export type LoadResult = z.infer<typeof loadResultSchema>;
