// `fairlead explain REQUEST_ID`: asks a running gateway for the receipt and says it in plain words.
// Must never print a key, nor follow a redirect with one.

import { parseArgs } from "node:util";
import type { CommandIo } from "./check-command.ts";
import { explainReceipt } from "./receipts/explain.ts";
import type { Receipt } from "./receipts/receipt.ts";

const URL_DEFAULT = "http://127.0.0.1:8787";
/** Longest wait for the gateway, in milliseconds. */
const WAIT_MS = 10_000;

export async function runExplainCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { url: { type: "string" }, json: { type: "boolean" } },
  });
  const requestId = positionals[0];
  if (requestId === undefined) {
    io.error(
      "Usage: fairlead explain REQUEST_ID [--url URL] [--json]\n" +
        "The id is in the x-request-id header of every answer.\n",
    );
    return 2;
  }
  const base = values.url ?? io.environment["FAIRLEAD_URL"] ?? URL_DEFAULT;
  const key = io.environment["FAIRLEAD_API_KEY"];
  const url = new URL(`/v1/receipts/${encodeURIComponent(requestId)}`, base);
  try {
    const response = await fetch(url, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      redirect: "error",
      signal: AbortSignal.timeout(WAIT_MS),
    });
    const text = await response.text();
    if (!response.ok) {
      io.error(`${readMessage(text) ?? `The gateway answered with status ${response.status}.`}\n`);
      return 1;
    }
    io.out(values.json === true ? `${text}\n` : explainReceipt(readReceipt(text)));
    return 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    io.error(
      `No gateway answers at ${url.origin} (${reason}). Start one, or name it with --url.\n`,
    );
    return 1;
  }
}

/** The gateway wrote it: its shape is ours. */
function readReceipt(text: string): Receipt {
  const receipt: Receipt = JSON.parse(text);
  return receipt;
}

function readMessage(text: string): string | null {
  try {
    const parsed: unknown = JSON.parse(text);
    const error =
      typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : null;
    const isObject = typeof error === "object" && error !== null && "message" in error;
    return isObject ? String(error.message) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
