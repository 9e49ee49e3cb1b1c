// The OpenAPI document is one: held against the schema of OpenAPI 3.1.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Service } from "../browser/service.mjs";

let service;
before(async () => { service = await Service.start(process.env.EVENKEEL_TEST_BINARY); });
after(() => service?.stop());

const read = async () => (await fetch(`${service.url}/openapi.json`)).json();

test("the document is valid OpenAPI 3.1, and its references lead somewhere", async () => {
  const validator = new Validator();
  const result = await validator.validate(await read());
  assert.equal(result.valid, true, JSON.stringify(result.errors, null, 2));
  assert.equal(validator.version, "3.1");
  validator.resolveRefs();
});

test("the validator does refuse", async () => {
  const document = await read();
  delete document.info.title;
  assert.equal((await new Validator().validate(document)).valid, false);
});
