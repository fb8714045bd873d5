// One rating of a model on the documented scale from 0 to 1, for one kind of work.
// Pure. Must never invent a rating: a model without figures is unrated, and says so.

import type { Deployment, QualityKind } from "../turn/deployment.ts";

export interface Rating {
  /** 0 … 1. */
  readonly value: number;
  /** rated: from figures of this kind. proxy: the mean of the other kinds. */
  readonly provenance: "rated" | "proxy";
}

/** A kind without figures of its own is the mean of the other kinds, marked as a proxy. */
export function rateQuality(quality: Deployment["quality"], kind: QualityKind): Rating | null {
  const own = quality[kind];
  if (own !== undefined) return { value: own, provenance: "rated" };
  const others = Object.values(quality).filter((value) => value !== undefined);
  if (others.length === 0) return null;
  const mean = others.reduce((sum, value) => sum + value, 0) / others.length;
  return { value: mean, provenance: "proxy" };
}
