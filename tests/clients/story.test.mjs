// A client in TypeScript, generated from schema.graphql, lives through the story against the real program: with its
// documents in its requests, and with nothing but their hashes where only trusted documents are executed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Service, until } from "../browser/service.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "typescript");
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
let live;

before(async () => {
  const run = (...command) => execFileSync(process.execPath, command, { stdio: "inherit" });
  run(join(folder, "generate.mjs"));
  run(compiler, "-p", folder);
  ({ live } = await import("./typescript/built/story.js"));
});

/** The first link to a page in the mails to somebody. */
const inbox = (service) => (to, page) =>
  until(`a mail to ${to} with a link to ${page}`, () => {
    const links = service.mails().filter((mail) => mail.to === to).flatMap((mail) => mail.links);
    return links.find((link) => link.includes(page));
  });

async function story(trusted, settings) {
  const service = await Service.start(process.env.EVENKEEL_TEST_BINARY, settings);
  try {
    await live(service.url, trusted, inbox(service));
    return await (await fetch(`${service.url}/graphql?query=%7B__typename%7D`, { headers: { Accept: "application/graphql-response+json" } })).status;
  } finally {
    await service.stop();
  }
}

test("with its documents in its requests", async () => assert.equal(await story(false, {}), 200));

test("with nothing but the hashes of trusted documents", async () => {
  const settings = {
    EVENKEEL_TRUSTED_DOCUMENTS: join(folder, "generated/persisted-documents.json"),
    EVENKEEL_TRUSTED_DOCUMENTS_ONLY: "true",
  };
  assert.equal(await story(true, settings), 403, "and no other document is executed");
});
