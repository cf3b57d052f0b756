// Installs the packages as published beside a user's own effect, in a strict TypeScript project that checks every
// declaration, and runs it: `node scripts/check-install.mjs [--node 22]…`. Without `--node`, on the Node that runs this. Then it does what
// the README says, in an empty folder.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkCommandProject } from "./install/command-project.mjs"
import { checkCopilotKit, copilotKit } from "./install/copilotkit.mjs"
import { copyCompiled, environmentOf } from "./install/node.mjs"
import { project, without } from "./install/project.mjs"
import { checkReadmeWorker } from "./install/readme-worker.mjs"
import * as Strict from "./install/strict-project.mjs"
import { packAll } from "./tarballs.mjs"

/** The oldest Effect that the packages take, and the newest of its line. */
const effects = ["3.22.2", "~3.22.2"]

const root = mkdtempSync(join(tmpdir(), "runlease-install-"))
const nodes = process.argv.flatMap((argument, at) => (argument === "--node" ? [process.argv[at + 1]] : []))

const check = (tarballs, effect, node, env) => {
  const folder = project(join(root, `effect-${effects.indexOf(effect)}-node-${node ?? "own"}`))
  const version = Strict.install(folder, tarballs, { effect }, { env, scripts: node !== undefined })
  if (node === undefined) copyCompiled(folder)
  Strict.compile(folder, [], env)
  console.log(`effect ${version}, Node ${Strict.execute(folder, env)}`)
}

try {
  const packed = packAll(root)
  const tarballs = without(packed, [copilotKit])
  for (const node of nodes.length === 0 ? [undefined] : nodes) {
    const env = node === undefined ? process.env : environmentOf(root, node)
    for (const effect of effects) check(tarballs, effect, node, env)
    checkReadmeWorker(root, packed, node, env)
  }
  checkCommandProject(root, packed)
  checkCopilotKit(root, packed)
} catch (error) {
  // What the compiler finds goes to its output.
  if (error.stdout) console.error(error.stdout)
  throw error
} finally {
  rmSync(root, { recursive: true, force: true })
}
