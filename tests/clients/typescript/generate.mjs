// Generates the client's types from schema.graphql and documents.graphql with GraphQL Code Generator, and beside them the
// list of documents for EVENKEEL_TRUSTED_DOCUMENTS. An app of one's own would rather run its command line with the same
// preset, from codegen.ts; this needs a tenth of its packages.
import { codegen } from "@graphql-codegen/core";
import { preset } from "@graphql-codegen/client-preset";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildASTSchema, parse } from "graphql";

const here = dirname(fileURLToPath(import.meta.url));
const read = (name) => readFileSync(join(here, name), "utf8");

const schema = parse(read("../../../schema.graphql"));
const documents = [{ location: "documents.graphql", document: parse(read("documents.graphql")), rawSDL: read("documents.graphql") }];
const folder = join(here, "generated");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);

const schemaAst = buildASTSchema(schema);
// The preset makes only what documents use, and the codes of errors stand outside of them.
const codes = schemaAst.getType("ErrorCode").getValues().map(({ name }) => JSON.stringify(name));
writeFileSync(join(folder, "codes.ts"), `export type ErrorCode = ${codes.join(" | ")};\n`);

const parts = await preset.buildGeneratesSection({
  baseOutputDir: `${folder}/`,
  schema,
  schemaAst,
  documents,
  config: { enumsAsTypes: true, useTypeImports: true, strictScalars: true, scalars: { Date: "string", DateTime: "string", LocalTime: "string", TimeZone: "string" }, defaultScalarType: "unknown", emitLegacyCommonJSImports: false, importExtension: ".js" },
  presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256", mode: "embedHashInDocument" } },
  plugins: [],
  pluginMap: {},
  pluginContext: {},
  profiler: { run: (work) => work(), collect: () => [] },
});
await Promise.all(parts.map(async (part) => writeFileSync(part.filename, await codegen(part))));
