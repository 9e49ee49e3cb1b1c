// schema.graphql is what other people's tools take it for.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildSchema, isEnumType, isScalarType, specifiedScalarTypes, validateSchema } from "graphql";

const here = dirname(fileURLToPath(import.meta.url));
const file = join(here, "../../schema.graphql");
const text = readFileSync(file, "utf8");

test("graphql-js loads it without complaint", () => {
  const schema = buildSchema(text);
  assert.deepEqual(validateSchema(schema), []);
  for (const type of Object.values(schema.getTypeMap())) {
    if (isScalarType(type) && !specifiedScalarTypes.some((known) => known.name === type.name)) {
      assert.ok(type.specifiedByURL, `${type.name} says what it is specified by`);
    }
  }
  // A client can tell apart every code that it may get.
  for (const name of ["ErrorCode", "ProblemCode", "Status"]) {
    assert.ok(isEnumType(schema.getType(name)), name);
  }
});

// Every rule of the linter but these, with the reason:
const EXCEPT = {
  // Fields, inputs and values stand in the order in which one reads about them: what a person says first comes first.
  "type-fields-sorted-alphabetically": [],
  "input-object-fields-sorted-alphabetically": [],
  "enum-values-sorted-alphabetically": [],
  // The codes of `errors[].extensions.code`, which is outside of any type.
  "defined-types-are-used": ["ErrorCode"],
};

test("the linter of schemas finds nothing else", () => {
  const folder = dirname(createRequire(import.meta.url).resolve("graphql-schema-linter/package.json"));
  const program = join(folder, JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).bin["graphql-schema-linter"]);
  const lint = (path) => {
    try {
      return JSON.parse(execFileSync(process.execPath, [program, "--format", "json", path], { encoding: "utf8" })).errors;
    } catch (failure) {
      return JSON.parse(failure.stdout).errors;
    }
  };
  const found = lint(file);
  const left = found.filter(({ rule, message }) => {
    const names = EXCEPT[rule];
    return !names || (names.length > 0 && !names.some((name) => message.includes(`\`${name}\``)));
  });
  assert.deepEqual(left, []);
  for (const rule of Object.keys(EXCEPT)) {
    assert.ok(found.some((one) => one.rule === rule), `${rule} needs no exception any more`);
  }
});
