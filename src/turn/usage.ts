// What a turn used, in tokens, in one shape for every dialect. Must never hold money: that is receipts/price.

export interface Usage {
  /** All input tokens, the cached ones included. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Part of `inputTokens` that was read from the provider's prompt cache. */
  readonly cacheReadTokens: number;
  /** Part of `inputTokens` that was written to the provider's prompt cache. */
  readonly cacheWriteTokens: number;
  /** Part of `cacheWriteTokens` that is kept for an hour, where the provider tells it. */
  readonly cacheWriteHourTokens?: number;
  /** Part of `outputTokens` that the model spent on reasoning. */
  readonly reasoningTokens: number;
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};
