// Signs nothing itself: gives the service a key, and has another implementation of DKIM (RFC 6376) check what it signed.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** Settings with a key of its own, in the form that `openssl genrsa` writes. */
export function dkimSettings() {
  const file = join(mkdtempSync(join(tmpdir(), "evenkeel-dkim-")), "dkim.pem");
  writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return {
    EVENKEEL_MAIL_FROM: "Reminders <reminders@example.org>",
    EVENKEEL_DKIM_SELECTOR: "autumn",
    EVENKEEL_DKIM_KEY_FILE: file,
  };
}

/** What the DNS would say. */
async function resolver(name, type) {
  assert.deepEqual([name, type], ["autumn._domainkey.example.org", "TXT"]);
  const key = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  return [[`v=DKIM1; k=rsa; p=${key}`]];
}

/** Every mail is signed, and the signature covers what it must. */
export async function checkSignatures(mails) {
  assert(mails.length >= 5, `only ${mails.length} mails`);
  const look = async (raw) => (await dkimVerify(Buffer.from(raw, "latin1"), { resolver })).results[0];
  for (const { raw } of mails) {
    const result = await look(raw);
    assert.equal(result?.status?.result, "pass", JSON.stringify(result));
    assert.equal(result.signingDomain, "example.org");
    const signed = /^DKIM-Signature:[\s\S]*?\bh=([^;]*);/im.exec(raw)[1].replace(/\s/g, "").toLowerCase().split(":");
    const needed = ["from", "to", "subject", "date", "message-id", "auto-submitted"];
    // RFC 8058, 4: a signature covers both.
    if (/^List-Unsubscribe:/m.test(raw)) needed.push("list-unsubscribe", "list-unsubscribe-post");
    for (const name of needed) assert(signed.includes(name), `${name} is not signed: ${signed}`);
    for (const [from, to] of [["reminders@", "robbers@"], ["nobody reads replies", "nobody reads letters"]]) {
      const forged = await look(raw.replace(from, to));
      assert.notEqual(forged?.status?.result, "pass", `${from} was changed, and nobody saw it`);
    }
  }
}
