/**
 * `pnpm test:nightly`: all tests, with all cases of the random searches, by another seed each time. `RUNLEASE_SEARCH=SEED/all` names the
 * seed. Further arguments are for vitest.
 */
import { spawnSync } from "node:child_process"
import { randomInt } from "node:crypto"

const search = process.env.RUNLEASE_SEARCH ?? `${randomInt(2 ** 28)}/all`
const env = { ...process.env, RUNLEASE_SEARCH: search }
const args = process.argv.slice(2)

console.log(`All cases of the random searches, by RUNLEASE_SEARCH=${search}`)
const failed = ["test", "test:rest"].filter(
  (part) => spawnSync("npx", ["pnpm@10", part, ...args], { stdio: "inherit", env }).status !== 0,
)
if (failed.length > 0) {
  console.log(
    `Failed: ${failed.join(" and ")}. All of it again: RUNLEASE_SEARCH=${search} npx pnpm@10 test:nightly`,
  )
  process.exitCode = 1
}
