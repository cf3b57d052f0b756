// The public paths of the packages whose sources lie in rooms: each module that `src/index.ts` names is a path of its own,
// `@runlease/core/Leases`, whatever room it is in. A package may have further indexes for other readers:
// `@runlease/core/executor` has the modules that authors of executors need, and `@runlease/core/executor/StepLog` is one of them; `@runlease/http/face` has
// those of authors of faces. `node scripts/exports.mjs` writes them into the manifests;
// with `--check` it fails where a manifest differs.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Paths beside the modules of the index: modules that the types of a client name, and the program of the command. */
const packages = { core: [], store: [], sql: [], http: ["Api/*"], cli: ["bin"] }
const indexes = { core: ["executor"], http: ["face"] }
/**
 * Modules that no index has, since only packages of Runlease import them. Each is a path by its name, without a promise: it may change or go in
 * any version. What a program or a store of others needs goes into an index.
 */
const shared = {
  core: [
    "model/CarriedMessages",
    "model/ChildEvent",
    "model/Count",
    "model/Digest",
    "model/FormSchema",
    "model/Histogram",
    "model/JsonSchemaCheck",
    "model/JsonSchemaCost",
    "model/JsonSchemaProblem",
    "model/JsonText",
    "model/LastMessage",
    "model/Meter",
    "model/Mirror",
    "model/OpenedItems",
    "model/RecordParts",
    "model/SchemaProblem",
    "model/SealedParts",
    "model/SnakeCase",
    "model/TextDifference",
    "model/ThreadName",
    "model/ToolArguments",
    "model/agui/ToolFailure",
    "executor/AgentRuns",
    "ports/AnswerCheck",
    "ports/AppendRules",
    "ports/BatchQueue",
    "ports/EditCheck",
    "ports/LoopTurn",
    "ports/PayloadCheck",
    "ports/RunLabels",
    "ports/SideBySide",
    "ports/SpanIds",
    "ports/Submission",
    "ports/SubmissionLine",
    "ports/WorkersInContact",
    "worker/Detached",
    "worker/Lease",
    "worker/LeaseRenewal",
    "worker/RenewalRounds",
    "rehearsal/Rehearsal",
    "crash/CrashTest",
    "crash/JumpClock",
    "rehearsal/TrialCase",
    "rehearsal/TrialReport",
  ],
  store: ["rules/PendingObstacle", "rules/RetryEvent"],
}
const line = /^export \* as (\w+) from "\.\/(.+)\.js"$/

const modulesOf = (folder, index) =>
  readFileSync(join(folder, `src/${index}.ts`), "utf8")
    .split("\n")
    .flatMap((text) => (line.exec(text) === null ? [] : [line.exec(text).slice(1)]))

const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1)

const exportsOf = (folder, others, further, alone) => {
  const paths = (target) =>
    Object.fromEntries([
      [".", target("index")],
      ...modulesOf(folder, "index").map(([name, path]) => [`./${name}`, target(path)]),
      ...further.flatMap((index) => [
        [`./${index}`, target(index)],
        ...modulesOf(folder, index).map(([name, path]) => [`./${index}/${name}`, target(path)]),
      ]),
      ...alone.map((path) => [`./${nameOf(path)}`, target(path)]),
      ...others.map((path) => [`./${path}`, target(path)]),
    ])
  return {
    sources: paths((path) => `./src/${path}.ts`),
    published: paths((path) => ({ types: `./dist/${path}.d.ts`, import: `./dist/${path}.js` })),
  }
}

for (const [name, others] of Object.entries(packages)) {
  const file = join("packages", name, "package.json")
  const before = readFileSync(file, "utf8")
  const manifest = JSON.parse(before)
  const { published, sources } = exportsOf(
    join("packages", name),
    others,
    indexes[name] ?? [],
    shared[name] ?? [],
  )
  manifest.exports = sources
  manifest.publishConfig.exports = published
  const after = `${JSON.stringify(manifest, null, 2)}\n`
  if (after === before) continue
  if (process.argv.includes("--check")) {
    throw new Error(`${file} does not list the modules of its indexes: run node scripts/exports.mjs`)
  }
  writeFileSync(file, after)
}
