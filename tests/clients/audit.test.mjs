// GraphQL over HTTP: the audit that the working group's reference implementation publishes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serverAudits } from "graphql-http";
import { Service } from "../browser/service.mjs";

let service;
before(async () => { service = await Service.start(process.env.EVENKEEL_TEST_BINARY); });
after(() => service?.stop());

const audits = serverAudits({ url: () => `${service.url}/graphql` });

test("the audit asks for something", () => assert.ok(audits.length > 50, `${audits.length} audits`));

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    // A warning is a SHOULD that is not met, a notice a MAY; none of them either.
    assert.equal(result.status, "ok", result.reason);
  });
}
