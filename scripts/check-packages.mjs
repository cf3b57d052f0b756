// Packs every public package as it would be published. Lets publint and attw judge the tarballs, installs them beside the oldest Effect
// that they take, in a strict TypeScript project that checks every declaration, and runs it. Then it does what the README says, in an
// empty folder. The other versions, and what else a release has, are checked by `check-release.mjs`.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { copilotKit } from "./install/copilotkit.mjs"
import { checkInstalledCommand } from "./install/installed-command.mjs"
import { copyCompiled } from "./install/node.mjs"
import { project, without } from "./install/project.mjs"
import { checkReadmeWorker } from "./install/readme-worker.mjs"
import * as Strict from "./install/strict-project.mjs"
import { peersOf } from "./release/peers.mjs"
import { checkTarballs, packAll } from "./tarballs.mjs"

const root = mkdtempSync(join(tmpdir(), "runlease-pack-"))

try {
  const packed = packAll(root)
  await checkTarballs(packed)
  const folder = project(join(root, "strict"))
  const { effect } = peersOf(packed.map(({ manifest }) => manifest)).lowest
  const installed = Strict.install(folder, without(packed, [copilotKit]), { effect })
  copyCompiled(folder)
  Strict.compile(folder)
  console.log(`effect ${installed}, Node ${Strict.execute(folder, process.env)}`)
  await checkInstalledCommand(folder, process.env)
  checkReadmeWorker(root, packed, undefined, process.env)
} catch (error) {
  // What the compiler finds goes to its output.
  if (error.stdout) console.error(error.stdout)
  throw error
} finally {
  rmSync(root, { recursive: true, force: true })
}
