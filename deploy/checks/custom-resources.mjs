// Reads Kubernetes objects from standard input (a JSON list) and writes what their controllers would refuse:
// {"Kind/name": ["path: complaint", ...]}. Values are checked by the validators of @kubernetes-models; those let unknown
// fields pass, as a cluster does that prunes them silently, so names are checked by TypeScript against the same packages' types.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import ts from "typescript";

const here = path.dirname(fileURLToPath(import.meta.url));
const { kinds } = JSON.parse(readFileSync(path.join(here, "kinds.json"), "utf8"));
const objects = JSON.parse(readFileSync(0, "utf8"));

const complaints = {};
const complain = (object, text) =>
  (complaints[`${object.kind}/${object.metadata.name}`] ??= []).push(text);

const known = objects.filter((object) => {
  const kind = `${object.apiVersion}/${object.kind}`;
  if (!(kind in kinds)) complain(object, `${kind} is not in kinds.json`);
  return kinds[kind];
});
const moduleOf = (object) =>
  `@kubernetes-models/${kinds[`${object.apiVersion}/${object.kind}`]}/${object.apiVersion}/${object.kind}`;

for (const object of known) {
  const module = await import(moduleOf(object));
  try {
    new module[object.kind](object).validate();
  } catch (error) {
    for (const { instancePath, message } of error.errors ?? [error]) {
      complain(object, `${instancePath?.slice(1).replaceAll("/", ".")}: ${message}`);
    }
  }
}

const file = path.join(here, "objects.ts");
const lines = known.map(
  (object, number) =>
    `import type { I${object.kind} as T${number} } from "${moduleOf(object)}";\n` +
    `export const o${number}: T${number} = ${JSON.stringify(object)};`,
);
const options = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
};
const host = ts.createCompilerHost(options);
const onDisk = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) =>
  name === file ? ts.createSourceFile(name, lines.join("\n"), ts.ScriptTarget.ES2022, true) : onDisk(name, ...rest);
host.fileExists = ((exists) => (name) => name === file || exists(name))(host.fileExists.bind(host));
const program = ts.createProgram([file], options, host);
const source = program.getSourceFile(file);

const nodeAt = (node, position) =>
  ts.forEachChild(node, (child) =>
    child.getStart(source) <= position && position < child.getEnd() ? nodeAt(child, position) ?? child : undefined,
  );
const nameOf = (node) => {
  if (ts.isPropertyAssignment(node)) return node.name.text;
  if (ts.isArrayLiteralExpression(node.parent)) return String(node.parent.elements.indexOf(node));
  return undefined;
};

for (const diagnostic of ts.getPreEmitDiagnostics(program, source)) {
  const steps = [];
  let node = nodeAt(source, diagnostic.start);
  while (node && !ts.isVariableDeclaration(node)) {
    steps.unshift(nameOf(node));
    node = node.parent;
  }
  const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ").slice(0, 300);
  const object = node ? known[Number(node.name.text.slice(1))] : undefined;
  if (object === undefined) throw new Error(text);
  complain(object, `${steps.filter((step) => step !== undefined).join(".")}: ${text}`);
}
process.stdout.write(JSON.stringify(complaints));
