// An answer of the simulator that is an error, in the shape OpenAI gives its errors.
// Must never be thrown after the first byte of an answer has been sent.

export interface RefusalDetail {
  readonly message: string;
  readonly param: string | null;
  readonly code: string | null;
}

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly detail: RefusalDetail;

  constructor(status: number, detail: RefusalDetail) {
    super(detail.message);
    this.status = status;
    this.detail = detail;
  }
}

/** `throw new Refusal(…)` as an expression. */
export function refuse(status: number, detail: RefusalDetail): never {
  throw new Refusal(status, detail);
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  429: "rate_limit_error",
  500: "server_error",
};

/** The JSON body of a refusal. A status without a name of its own is the caller's mistake. */
export function refusalBody(status: number, detail: RefusalDetail): { readonly error: object } {
  const type = ERROR_TYPES[status] ?? "invalid_request_error";
  return { error: { message: detail.message, type, param: detail.param, code: detail.code } };
}
