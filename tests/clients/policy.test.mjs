// The schema keeps what was promised with the last release: docs/released.graphql, which a release copies from
// schema.graphql. And the check does refuse.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { refusals } from "./policy.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const read = (name) => readFileSync(join(root, name), "utf8");
const now = read("schema.graphql");

test("the schema keeps what the last release promised", async (t) => {
  const version = /^## \[(\d+\.\d+\.\d+)\]/m.exec(read("CHANGELOG.md"))?.[1];
  if (!existsSync(join(root, "docs/released.graphql"))) {
    assert.equal(version, undefined, `${version} was released without a copy of its schema: docs/schema-policy.md`);
    return t.diagnostic("no schema is released yet, so none can be broken");
  }
  assert.deepEqual(await refusals(read("docs/released.graphql"), now), []);
});

/** Our schema with something in it changed; what is not there cannot be changed. */
function changed(schema, from, to) {
  assert.match(schema, from);
  return schema.replace(from, to);
}

/** Inside one type, input, enum, interface or union: what is between its name and the next closing brace. */
function within(schema, name, from, to) {
  const type = new RegExp(`^(?:type|input|enum|interface) ${name}\\b[^{]*\\{[^}]*\\}`, "m");
  assert.match(schema, type);
  return schema.replace(type, (text) => changed(text, from, to));
}

/** Without a member of a type, and without what is said of it. */
const without = (schema, name, member) => within(schema, name, new RegExp(`^\\t"""\\n[^"]*"""\\n\\t${member}\\b.*\\n`, "m"), "");

const deprecated = '@deprecated(reason: "Use something else.")';
const field = /^\tdueAt: DateTime!$/m;
const value = /^\tSHOWER$/m;
const input = /^\tintensity: Int$/m;
const argument = /endedToo: Boolean! = false/;

for (const [what, released, next] of [
  ["a field is removed that was not released as deprecated", now, without(now, "CheckIn", "dueAt")],
  ["a field has another type", now, within(now, "CheckIn", field, "\tdueAt: String!")],
  ["a field becomes nullable", now, within(now, "CheckIn", field, "\tdueAt: DateTime")],
  ["a field is null no more", now, within(now, "Scene", /^\tintensity: Int$/m, "\tintensity: Int!")],
  ["a value of an enum is removed", now, without(now, "Comfort", "SHOWER")],
  ["a closed enum gets a value", now, within(now, "CheckInState", /^\tANSWERED$/m, "\tANSWERED\n\tMISSED")],
  ["a closed enum is opened", now, changed(now, /What the viewer did with a check-in\./, "What the viewer did. More may be added.")],
  ["a closed union gets a member", now, changed(now, /^union LogInOutcome = /m, "union LogInOutcome = Viewer | ")],
  ["an input field becomes required", now, within(now, "RecordSceneInput", input, "\tintensity: Int!")],
  ["an input field is removed", now, without(now, "RecordSceneInput", "intensity")],
  ["an input gets a required field", now, within(now, "RecordSceneInput", input, "\tintensity: Int\n\tmood: Int!")],
  ["an argument is removed", now, changed(now, argument, "other: Boolean")],
  ["an argument becomes required", now, changed(now, argument, "endedToo: Boolean!")],
  ["a default changes", now, changed(now, argument, "endedToo: Boolean! = true")],
  ["an input has to have exactly one of its fields", now, changed(now, /^input UpdateProfileInput \{/m, "input UpdateProfileInput @oneOf {")],
  ["an input may have several of its fields", now, changed(now, /^input SecondFactorInput @oneOf/m, "input SecondFactorInput")],
]) {
  test(`refused: ${what}`, async () => assert.notDeepEqual(await refusals(released, next), []));
}

for (const [what, released, next] of [
  ["nothing changes", now, now],
  ["a field is added", now, within(now, "CheckIn", field, "\tdueAt: DateTime!\n\tmore: String")],
  ["an optional input field is added", now, within(now, "RecordSceneInput", input, "\tintensity: Int\n\tmore: String")],
  ["an optional argument is added", now, changed(now, argument, "endedToo: Boolean! = false, more: String")],
  ["an open enum gets a value", now, within(now, "ProblemCode", /^\tREQUIRED$/m, "\tREQUIRED\n\tUNHEARD_OF")],
  ["an enum of inputs alone gets a value", now, within(now, "CheckInSpan", /^\tDUE$/m, "\tDUE\n\tOVERDUE")],
  ["a new kind of an open interface", now, `${now}\ntype AtNoon implements CheckInTime { sentence: String! }\n`],
  ["a field is deprecated", now, within(now, "CheckIn", field, `\tdueAt: DateTime! ${deprecated}`)],
  ["a field goes that was released as deprecated", within(now, "CheckIn", field, `\tdueAt: DateTime! ${deprecated}`), without(now, "CheckIn", "dueAt")],
  ["a value goes that was released as deprecated", within(now, "Comfort", value, `\tSHOWER ${deprecated}`), without(now, "Comfort", "SHOWER")],
  ["an input field goes that was released as deprecated", within(now, "RecordSceneInput", input, `\tintensity: Int ${deprecated}`), without(now, "RecordSceneInput", "intensity")],
  ["an argument goes that was released as deprecated", changed(now, /endedToo: Boolean! = false/, `endedToo: Boolean! = false ${deprecated}\n\t\tmore: Int`), changed(now, argument, "more: Int")],
]) {
  test(`accepted: ${what}`, async () => assert.deepEqual(await refusals(released, next), []));
}
