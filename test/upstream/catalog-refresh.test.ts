// Goal: a refresh brings newer facts or changes nothing. Method: a scripted server and a real folder.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openTable } from "../../src/upstream/catalog-copy.ts";
import { downloadTable, type Downloaded } from "../../src/upstream/catalog-download.ts";
import { startCatalogRefresh } from "../../src/upstream/catalog-refresh.ts";
import { rowOf, tableVersion, type CatalogTable } from "../../src/upstream/catalog-table.ts";
import { startUpstream, type Scripted, type Upstream } from "../support/upstream.ts";
import { modelIn, NO_OPINIONS, publicList, tableOf } from "./catalog-list.ts";

const current = tableOf(publicList());
const NOW = Date.UTC(2026, 7, 1);

async function listServer(t: TestContext, answer: (tag: unknown) => Scripted): Promise<Upstream> {
  const server = await startUpstream(({ headers }) => answer(headers["if-none-match"]));
  t.after(() => server.close());
  return server;
}

function dearer() {
  const list = publicList();
  modelIn(list, "openai", "m-1").cost = { input: 2, output: 10 };
  return list;
}

function look(url: string, about: { etag?: string } = {}): Promise<Downloaded> {
  const { signal } = new AbortController();
  const etag = about.etag ?? null;
  return downloadTable({ url, current, etag, now: NOW, signal, opinions: NO_OPINIONS });
}

type Look = typeof downloadTable;
const lookForReal: Look = (asked) => downloadTable({ ...asked, opinions: NO_OPINIONS });

function refreshing(t: TestContext, url: string, folder: string, download = lookForReal) {
  const applied: CatalogTable[] = [];
  const logged: string[] = [];
  const note = (fields: object, message: string) => {
    logged.push(`${message} ${JSON.stringify(fields)}`);
  };
  const refresh = startCatalogRefresh({
    settings: { url, everyHours: 6, folder },
    table: current,
    tag: null,
    apply: (table) => applied.push(table),
    log: { info: note, warn: note },
    now: () => NOW,
    random: () => 0.5,
    download,
  });
  t.after(() => {
    refresh.close();
  });
  return { refresh, applied, logged };
}

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-catalog-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

test("a changed list is taken over, and the next look asks only for what is newer", async (t) => {
  const server = await listServer(t, (tag) =>
    tag === '"v2"' ? { status: 304, json: null } : { json: dearer(), headers: { etag: '"v2"' } },
  );
  const { refresh, applied } = refreshing(t, server.url, emptyFolder(t));
  assert.equal((await refresh.look()).kind, "accepted");
  assert.equal(rowOf(applied[0] ?? current, "openai", "m-1")?.price?.input, 2);
  assert.equal((await refresh.look()).kind, "unchanged");
  assert.equal(server.requests[1]?.headers["if-none-match"], '"v2"');
  assert.equal(applied.length, 1);
});

test("the last good list is read at the next start, before anything is fetched", async (t) => {
  const server = await listServer(t, () => ({ json: dearer(), headers: { etag: '"v2"' } }));
  const folder = emptyFolder(t);
  await refreshing(t, server.url, folder).refresh.look();
  const opened = openTable(current, folder);
  assert.equal(rowOf(opened.table, "openai", "m-1")?.price?.input, 2);
  assert.deepEqual(opened.tag, { url: server.url, etag: '"v2"' });
  assert.deepEqual(readdirSync(folder), ["models.json"]);
});

test("a copy that is broken, older than the release or implausible is not used", async (t) => {
  const folder = emptyFolder(t);
  const file = join(folder, "models.json");
  assert.equal(openTable(current, folder).notice, null);
  writeFileSync(file, "{");
  assert.match(openTable(current, folder).notice ?? "", /not used: it is not JSON/);
  writeFileSync(file, "{}");
  assert.match(openTable(current, folder).notice ?? "", /shape/);
  const copy = (table: CatalogTable) => JSON.stringify({ url: "http://x", etag: null, table });
  writeFileSync(file, copy(tableOf(dearer(), "2026-07-01")));
  assert.equal(openTable(current, folder).table, current);
  writeFileSync(file, copy({ version: "2026-08-01", vendors: {} }));
  assert.match(openTable(current, folder).notice ?? "", /lacks 40 of the 40/);
  writeFileSync(file, copy(tableOf(dearer(), "2026-08-01")));
  assert.equal(openTable(current, folder).notice, null);
  assert.notEqual(tableVersion(openTable(current, folder).table), tableVersion(current));
});

test("the same facts on another day are no news", async (t) => {
  const server = await listServer(t, () => ({ json: publicList() }));
  assert.equal((await look(server.url)).kind, "unchanged");
});

const BAD: readonly (readonly [string, Scripted, RegExp])[] = [
  ["is no JSON", { rawChunks: ["<html>"] }, /refused.*not JSON/],
  ["is another list", { json: [1, 2] }, /refused.*not the list/],
  ["is empty", { json: {} }, /refused.*lacks 40 of the 40/],
  ["is missing", { status: 404, json: {} }, /failed.*status 404/],
  ["has moved", { status: 301, json: {}, headers: { location: "/b" } }, /failed.*status 301/],
  ["hangs up", { refuse: true }, /failed.*cannot be fetched/],
];

for (const [what, answer, told] of BAD) {
  test(`a list that ${what} changes nothing, and the log says why`, async (t) => {
    const server = await listServer(t, () => answer);
    const folder = emptyFolder(t);
    const { refresh, applied, logged } = refreshing(t, server.url, folder);
    const { kind } = await refresh.look();
    assert.match(`${kind} ${logged.join()}`, told);
    assert.deepEqual(applied, []);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test("a list beyond the bound is not read to its end", async (t) => {
  const piece = " ".repeat(1024 * 1024);
  const rawChunks = Array.from({ length: 40 }, () => piece);
  const server = await listServer(t, () => ({ rawChunks }));
  const found = await look(server.url);
  assert.ok(found.kind === "refused");
  assert.match(found.reason, /more than 33554432 bytes/);
});

test("a metadata address is never asked", async () => {
  const found = await look("http://169.254.169.254/latest");
  assert.ok(found.kind === "failed");
  assert.match(found.reason, /link-local/);
});

test("a price that slipped is told, and the rest of the list is taken", async (t) => {
  const list = dearer();
  modelIn(list, "groq", "m-2").cost = { input: 1_000, output: 5_000 };
  const server = await listServer(t, () => ({ json: list }));
  const { refresh, applied, logged } = refreshing(t, server.url, emptyFolder(t));
  await refresh.look();
  const [table = current] = applied;
  assert.equal(rowOf(table, "openai", "m-1")?.price?.input, 2);
  assert.equal(rowOf(table, "groq", "m-2")?.price?.input, 1);
  assert.match(logged.join(), /not taken.*groq\/m-2: input price from 1 to 1000/);
});

test("a folder that cannot be written costs the copy, not the refresh", async (t) => {
  const folder = emptyFolder(t);
  writeFileSync(join(folder, "file"), "");
  const server = await listServer(t, () => ({ json: dearer() }));
  const { refresh, applied, logged } = refreshing(t, server.url, join(folder, "file"));
  assert.equal((await refresh.look()).kind, "accepted");
  assert.equal(applied.length, 1);
  assert.match(logged.join(), /copy cannot be written/);
  assert.equal(readFileSync(join(folder, "file"), "utf8"), "");
});

test("a look that is under way when the gateway closes is broken off", async (t) => {
  const server = await listServer(t, () => ({ hang: "before-headers" }));
  const { refresh, applied } = refreshing(t, server.url, emptyFolder(t));
  const looking = refresh.look();
  refresh.close();
  assert.equal((await looking).kind, "failed");
  assert.deepEqual(applied, []);
});

test("nothing is applied or written once the gateway has closed", async (t) => {
  const folder = emptyFolder(t);
  const arrived = Promise.withResolvers<Downloaded>();
  const { refresh, applied } = refreshing(t, "http://list/", folder, () => arrived.promise);
  const looking = refresh.look();
  refresh.close();
  arrived.resolve({ kind: "accepted", table: tableOf(dearer()), etag: null, slips: [] });
  await looking;
  assert.deepEqual(applied, []);
  assert.deepEqual(readdirSync(folder), []);
});
