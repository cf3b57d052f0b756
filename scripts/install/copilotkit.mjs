// The runner of CopilotKit, beside the newest runtime that it takes, with the peers that npm installs for it.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fail, installed, npm, project, run } from "./project.mjs"

/** It brings CopilotKit's runtime, so it has a check of its own. */
export const copilotKit = "@runlease/copilotkit"

export const checkCopilotKit = (root, packed) => {
  const { manifest, tarball } = packed.find(({ manifest }) => manifest.name === copilotKit)
  const folder = project(join(root, "copilotkit"))
  const versions = Object.entries(manifest.peerDependencies).map(([name, range]) => `${name}@${range}`)
  npm(["install", "--ignore-scripts", tarball, ...versions, "typescript@5.9", "@types/node@20"], folder)
  const [, program] = /^```ts\n\/\/ \S+\n([\s\S]*?)^```$/m.exec(
    readFileSync("packages/copilotkit/README.md", "utf8"),
  )
  writeFileSync(join(folder, "runtime.ts"), program)
  const flags = ["--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2023", "runtime.ts"]
  run(join(folder, "node_modules/.bin/tsc"), flags, folder)
  const load = `import("@runlease/copilotkit").then(({ RunleaseRunner }) => console.log(Object.keys(RunleaseRunner).join()))`
  const loaded = run("node", ["--eval", load], folder, {
    ...process.env,
    COPILOTKIT_TELEMETRY_DISABLED: "true",
  })
  if (!loaded.includes("RunleaseRunner")) fail(`the runner does not load: ${loaded}`)
  console.log(`CopilotKit's runtime ${installed(folder)["node_modules/@copilotkit/runtime"].version}`)
}
