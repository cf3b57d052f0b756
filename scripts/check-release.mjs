// Checks that the packages are ready to publish: `pnpm release:check [FOLDER]`, after `pnpm build` and `pnpm site`. With a folder, the tarballs and the
// bill of materials stay in it, so that what is published is what was checked. See docs/decisions/0119-releases.md
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { checkCommandProject } from "./install/command-project.mjs"
import { checkCopilotKit, copilotKit } from "./install/copilotkit.mjs"
import { compiledOf, copyCompiled, environmentOf } from "./install/node.mjs"
import { npm, project, without } from "./install/project.mjs"
import { checkReadmeWorker } from "./install/readme-worker.mjs"
import * as Strict from "./install/strict-project.mjs"
import { checkTemplates } from "./install/templates.mjs"
import { checkBudgets } from "./release/budgets.mjs"
import { withCommand } from "./release/command-readme.mjs"
import { writeGuideImports } from "./release/guides.mjs"
import { checkImageLicences, writeMaterials } from "./release/materials.mjs"
import { peersOf } from "./release/peers.mjs"
import { runExamples, writeExamples } from "./release/readmes.mjs"
import "./require-site.mjs"
import { checkTarballs, packAll } from "./tarballs.mjs"

/** The line of Node that is oldest, and those that users have. SQLite is compiled once for each. */
const nodes = ["20", "22", "24"]
/** How a user's compiler may resolve modules. The declarations are the same, so one of them checks those of the libraries too. */
const resolutions = {
  node16: ["--module", "node16", "--moduleResolution", "node16"],
  bundler: ["--module", "preserve", "--moduleResolution", "bundler", "--noEmit", "--skipLibCheck"],
}

const root = mkdtempSync(join(tmpdir(), "runlease-release-"))
const kept = process.argv[2] === undefined ? root : resolve(process.argv[2])

try {
  mkdirSync(kept, { recursive: true })
  const packed = packAll(kept)
  await checkTarballs(packed, {})

  const libraries = packed.filter(({ manifest }) => manifest.name !== copilotKit)
  const tarballs = without(packed, [copilotKit])
  const peers = peersOf(libraries.map(({ manifest }) => manifest))
  const projects = ["lowest", "newest"].map((which) => {
    const folder = project(join(root, which))
    const version = Strict.install(folder, tarballs, peers[which])
    const examples = writeExamples(folder, libraries)
    const paths = writeGuideImports(folder, libraries)
    // The last one writes the programs.
    for (const name of ["bundler", "node16"]) Strict.compile(folder, resolutions[name])
    console.log(
      `effect ${version}: ${examples.length} examples and ${paths} paths of guides compile, node16 and bundler`,
    )
    return { examples, folder, version }
  })

  for (const node of nodes) {
    const env = environmentOf(root, node)
    const compiled = compiledOf(checkReadmeWorker(root, packed, node, env))
    for (const { examples, folder, version } of projects) {
      copyCompiled(folder, compiled)
      console.log(`effect ${version}, Node ${Strict.execute(folder, env)}`)
      await withCommand(folder, env, async (settings) => runExamples(folder, examples, settings))
    }
  }
  checkCopilotKit(root, packed)
  await checkTemplates(root, packed)

  const command = checkCommandProject(root, packed)
  const worker = project(join(root, "worker"))
  const embedded = ["@runlease/core", "@runlease/store", "@runlease/sql"].map(
    (name) => packed.find(({ manifest }) => manifest.name === name).tarball,
  )
  const versions = ["effect@^3.22.2", "@effect/platform@^0.97.2", "@effect/sql@^0.52.1"]
  npm(["install", "--ignore-scripts", ...versions, "@effect/platform-node@^0.108.2", ...embedded], worker)

  const materials = join(kept, "sbom.cdx.json")
  console.log(`\nThe bill of materials has ${writeMaterials(command, materials)} packages`)
  console.log(`The image has ${checkImageLicences()} packages, with licences that may be shipped`)
  checkBudgets(packed, { "the command": command, "an embedded worker on SQLite": worker })
} catch (error) {
  // What the compiler finds goes to its output.
  if (error.stdout) console.error(error.stdout)
  throw error
} finally {
  rmSync(root, { recursive: true, force: true })
}
